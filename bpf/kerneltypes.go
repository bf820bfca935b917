package bpf

import (
	"sync"

	"github.com/cilium/ebpf/btf"
)

// typeFacts is what the kernel's type information tells of things that not all kernels have.
type typeFacts struct {
	err error // there is none

	rdonlyCast      bool             // bpf_rdonly_cast, since Linux 6.2
	taskWork        syscountTaskWork // how a program is called back when a thread returns to user mode
	lockOwner       bool             // task_struct.blocker: the lock that a thread waits for
	switchArguments int              // of the tracepoint sched_switch
}

// kernelTypes reads them once.
var kernelTypes = sync.OnceValue(func() typeFacts {
	spec, err := typesOfKernel().Kernel()
	if err != nil {
		return typeFacts{err: err}
	}
	facts := typeFacts{
		rdonlyCast:      hasFunction(spec, "bpf_rdonly_cast"),
		lockOwner:       hasMember(spec, "task_struct", "blocker"),
		switchArguments: tracepointArguments(spec, "sched_switch"),
	}
	switch {
	case hasFunction(spec, "bpf_task_work_schedule_resume"):
		facts.taskWork = syscountTaskWorkTASK_WORK
	case hasFunction(spec, "bpf_task_work_schedule_resume_impl"):
		facts.taskWork = syscountTaskWorkTASK_WORK_IMPL
	default:
		facts.taskWork = syscountTaskWorkTASK_WORK_NONE
	}
	return facts
})

// hasFunction: the kernel has this function for BPF programs.
func hasFunction(spec *btf.Spec, name string) bool {
	var function *btf.Func
	return spec.TypeByName(name, &function) == nil
}

// hasMember: a structure of the kernel has a member of that name.
func hasMember(spec *btf.Spec, structure, member string) bool {
	var found *btf.Struct
	if spec.TypeByName(structure, &found) != nil {
		return false
	}
	for _, m := range found.Members {
		if m.Name == member {
			return true
		}
	}
	return false
}

// tracepointArguments is the number of arguments that a tracepoint has; 0: none
// of that name.
func tracepointArguments(spec *btf.Spec, name string) int {
	var typedef *btf.Typedef
	if spec.TypeByName("btf_trace_"+name, &typedef) != nil {
		return 0
	}
	pointer, ok := typedef.Type.(*btf.Pointer)
	if !ok {
		return 0
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok {
		return 0
	}
	return len(proto.Params) - 1 // the first is the program's own
}
