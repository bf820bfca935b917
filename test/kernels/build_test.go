package kernels

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

func TestAnInitramfsHasWhatAMachineRuns(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("the "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b := binaries{init: file("init"), tests: file("tests"), daemon: file("daemon"), busybox: file("busybox")}
	plan := kernel{}.plan()
	target := filepath.Join(dir, "initramfs")
	if err := writeInitramfs(target, b, plan); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]member{}
	for _, m := range readCpio(t, archive) {
		if _, ok := got[filepath.Dir(m.name)]; !ok && filepath.Dir(m.name) != "." {
			t.Errorf("%s comes before its directory", m.name)
		}
		got[m.name] = m
	}
	for name, want := range map[string]string{
		"init": "the init", "bin/bpf.test": "the tests", "bin/syscountd": "the daemon", "bin/busybox": "the busybox", "bin/sh": "busybox",
	} {
		if got[name].content != want || got[name].mode&0o111 != 0o111 {
			t.Errorf("%s: %q, mode %o; want %q, executable", name, got[name].content, got[name].mode, want)
		}
	}
	var carried []guest.Step
	if err := json.Unmarshal([]byte(got[guest.PlanFile[1:]].content), &carried); err != nil || !reflect.DeepEqual(carried, plan) {
		t.Errorf("plan %+v, %v; want %+v", carried, err, plan)
	}
	if _, ok := got["src/bpf/syscount.bpf.c"]; !ok {
		t.Error("the directory of package bpf is missing")
	}
	if console := got["dev/console"]; console.major != 5 || console.minor != 1 {
		t.Errorf("dev/console is %d:%d; want 5:1", console.major, console.minor)
	}
}

func TestAKernelThatIsRefusedGetsNoTests(t *testing.T) {
	for _, step := range (kernel{refusal: "x"}).plan() {
		if step.Name == stepTests {
			t.Error("the tests are in its plan")
		}
	}
}

func TestTheTestsTimeOutBeforeTheMachine(t *testing.T) {
	if testTimeout >= machineTimeout {
		t.Errorf("%v for the tests, %v for the machine: nobody would see which test hangs", testTimeout, machineTimeout)
	}
}
