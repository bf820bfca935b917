package bpf

import (
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func TestFeaturesAreThoseOfTheKernel(t *testing.T) {
	features := Features()
	if len(features) != 5 {
		t.Errorf("features %v", features)
	}
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	if !hasMember(spec, "task_struct", "pid") || hasMember(spec, "task_struct", "no_such_member") || hasMember(spec, "no_such_struct", "pid") {
		t.Error("members of structures are not found as they are")
	}
	if tracepointArguments(spec, "sys_exit") != 2 || tracepointArguments(spec, "no_such_tracepoint") != 0 || hasFunction(spec, "no_such_function") {
		t.Error("arguments of tracepoints, or functions, are not found as they are")
	}
	if _, known := os.LookupEnv("SYSCOUNT_TEST_FUNCTIONS"); known && !features["functions"] {
		t.Errorf("this kernel is known to let programs follow functions, but: %v", refuseFunctions())
	}
	if features["task_work"] && !features["rdonly_cast"] {
		t.Errorf("a kernel of 6.18 without what came with 6.2: %v", features)
	}
}
