package bpf_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// For each call the function that the kernel's own table has for it is one of those
// that are looked for. (Of a kernel under qemu: elsewhere the table is not to be had.)
func TestFunctionsAreThoseOfTheKernelsTable(t *testing.T) {
	abis := map[string]bpf.ABI{"sys_call_table": bpf.ABIx8664}
	if runtime.GOARCH == "arm64" {
		abis = map[string]bpf.ABI{"sys_call_table": bpf.ABIaarch64, "compat_sys_call_table": bpf.ABIarm}
	}
	any := func(string) bool { return true }
	for symbol, table := range bpf.KernelTables {
		found := 0
		for nr, names := range table {
			name := syscalls.Name(bpf.Syscall{ABI: abis[symbol], Nr: int32(nr)})
			if len(names) == 0 || strings.HasPrefix(name, "syscall_") || isMissing(names) {
				continue
			}
			found++
			entries := bpf.EntryPoints(runtime.GOARCH, name, any)
			if !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(entries, n) }) {
				t.Errorf("%s: %d, %s, enters %q", symbol, nr, name, names)
			}
		}
		if found < 250 {
			t.Errorf("%s: %d calls; want at least 250", symbol, found)
		}
	}
	if got := bpf.EntryPoints("amd64", "fstat", func(f string) bool { return f == "__x64_sys_newfstat" }); len(got) != 1 {
		t.Errorf("fstat: %q; want __x64_sys_newfstat", got)
	}
}

// isMissing: the kernel was built without this call.
func isMissing(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, "sys_ni_syscall") })
}
