// Package syscalls knows the system calls by name: the names and numbers of each
// ABI, and groups of names such as @sync and @wait. It is a set of tables: no
// clock, no kernel, no state.
package syscalls

import (
	"strconv"
	"sync"

	"github.com/syscountd/syscountd/bpf"
)

//go:generate go run ./gen

// Unknown is the name of every number that the kernel has no call for.
const Unknown = "unknown"

// Name gives the name of a call in the kernel's spelling: "unknown" for
// bpf.NrUnknown and any other negative number, "syscall_999" for a number that
// the tables have no name for (a call that is newer than they are).
func Name(sc bpf.Syscall) string {
	if sc.Nr < 0 {
		return Unknown
	}
	if int(sc.ABI) < len(tables) {
		if names := tables[sc.ABI]; int(sc.Nr) < len(names) && names[sc.Nr] != "" {
			return names[sc.Nr]
		}
	}
	return "syscall_" + strconv.Itoa(int(sc.Nr))
}

// Numbers gives the calls of that name in the given ABIs, in their order; none
// when no ABI of them has it.
func Numbers(name string, abis []bpf.ABI) []bpf.Syscall {
	var calls []bpf.Syscall
	for _, abi := range abis {
		for _, sc := range numbers()[name] {
			if sc.ABI == abi {
				calls = append(calls, sc)
			}
		}
	}
	return calls
}

// Known says whether any ABI has a call of that name.
func Known(name string) bool {
	return len(numbers()[name]) > 0
}

// NativeABIs gives the ABIs that a kernel of this architecture (as in
// runtime.GOARCH) runs, its own first; nil for one that we do not know.
func NativeABIs(goarch string) []bpf.ABI {
	switch goarch {
	case "amd64":
		return []bpf.ABI{bpf.ABIx8664, bpf.ABIi386, bpf.ABIx32}
	case "arm64":
		return []bpf.ABI{bpf.ABIaarch64, bpf.ABIarm}
	}
	return nil
}

// numbers is the tables turned round.
var numbers = sync.OnceValue(func() map[string][]bpf.Syscall {
	byName := map[string][]bpf.Syscall{}
	for abi, names := range tables {
		for nr, name := range names {
			if name != "" {
				byName[name] = append(byName[name], bpf.Syscall{ABI: bpf.ABI(abi), Nr: int32(nr)})
			}
		}
	}
	return byName
})
