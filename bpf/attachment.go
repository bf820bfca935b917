package bpf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A program on a function costs the calls of that function only, one on the
// tracepoints of system calls all calls of the host. But each function takes its
// time to attach to and to detach from: on Linux 6.1 a tenth of a second, which is
// the kernel's wait for all threads.
const (
	maxTargets   = 8
	maxFunctions = 32
)

// function is one by which the kernel enters calls.
type function struct {
	name  string
	proto btf.TypeID // of its prototype: programs go from one to another with the same only
	begin bool       // its end is not followed
}

// plan says what calls are followed by: these functions, or the tracepoints of all
// calls if there are none.
type plan struct {
	functions []function
	why       string // the tracepoints, though calls are named
}

// functionFacts are what the plan depends on.
type functionFacts struct {
	goarch string
	proto  func(name string) (btf.TypeID, bool) // of a function that takes the registers of a call, and nothing else
	refuse func() error                         // why this kernel cannot follow functions; asked last, since it takes time
}

func (f functionFacts) has(name string) bool {
	_, found := f.proto(name)
	return found
}

// choose is the switch between functions and tracepoints. It is one for all named
// calls: with the tracepoints attached for one of them every call pays, and functions
// for the others would only come on top.
func choose(opts Options, facts functionFacts) plan {
	names := strings.Fields(opts.Only)
	switch {
	case len(names) == 0:
		return plan{}
	case opts.Mode == ModeWatch:
		return plan{} // nothing is attached to calls
	case opts.Mode == ModeCount:
		// A first block is taken for the beginning of the call that ends next: all ends have to be seen.
		return plan{why: "mode count follows the ends of all calls"}
	case len(names) > maxTargets:
		return plan{why: fmt.Sprintf("%d calls are named; at most %d go by functions", len(names), maxTargets)}
	}
	functions, err := functionsOf(names, facts)
	if err == nil {
		err = facts.refuse()
	}
	if err != nil {
		return plan{why: err.Error()}
	}
	return plan{functions: functions}
}

// neverEnd are the calls of which no program may follow the end: it would wait for it
// for ever.
var neverEnd = []string{"exit", "exit_group"}

// helpers are calls that tell how another one goes on: restart_syscall is one that
// was interrupted, begun again, and the others end a handler.
var helpers = []string{"restart_syscall", "rt_sigreturn", "sigreturn"}

// functionsOf finds the functions of all these calls, and of helpers.
func functionsOf(names []string, facts functionFacts) ([]function, error) {
	var functions []function
	add := func(name string, begin bool) (found bool) {
		for _, entry := range entryPoints(facts.goarch, name, facts.has) {
			found = true
			if !slices.ContainsFunc(functions, func(f function) bool { return f.name == entry }) {
				proto, _ := facts.proto(entry)
				functions = append(functions, function{entry, proto, begin})
			}
		}
		return found
	}
	for _, name := range names {
		if !add(name, slices.Contains(neverEnd, name)) {
			return nil, fmt.Errorf("this kernel has no function for %s that programs could follow", name)
		}
	}
	for _, name := range helpers {
		if !add(name, name != "restart_syscall") && name != "sigreturn" { // which only 32-bit ABIs have
			return nil, fmt.Errorf("this kernel has no function for %s that programs could follow", name)
		}
	}
	if len(functions) > maxFunctions {
		return nil, fmt.Errorf("%d functions enter these calls; at most %d are followed", len(functions), maxFunctions)
	}
	return functions, nil
}

// String names the functions, as many as fit into a line.
func (p plan) String() string {
	const shown = 8
	var names []string
	for _, f := range p.functions[:min(len(p.functions), shown)] {
		names = append(names, f.name)
	}
	if more := len(p.functions) - shown; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return "fentry/fexit of " + strings.Join(names, " ")
}
