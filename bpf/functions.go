package bpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// kernelFunctions are the facts of this kernel, for one choice.
func kernelFunctions() functionFacts {
	protos := entryProtos{types: typesOfKernel()}
	return functionFacts{goarch: runtime.GOARCH, proto: protos.find, refuse: refuseFunctions}
}

// entryProtos looks functions up in the kernel's type information, which is read when the first one is asked for.
type entryProtos struct{ types *btf.Cache }

// find finds a function that takes the user registers of a call, and nothing else, and
// its prototype.
func (e *entryProtos) find(name string) (btf.TypeID, bool) {
	spec, err := e.types.Kernel()
	if err != nil {
		return 0, false
	}
	var found *btf.Func
	if err := spec.TypeByName(name, &found); err != nil {
		return 0, false
	}
	proto, ok := found.Type.(*btf.FuncProto)
	if !ok || len(proto.Params) != 1 || !pointsToRegisters(proto.Params[0].Type) {
		return 0, false
	}
	id, err := spec.TypeID(proto)
	return id, err == nil
}

func pointsToRegisters(t btf.Type) bool {
	pointer, ok := t.(*btf.Pointer)
	if !ok {
		return false
	}
	s, ok := btf.UnderlyingType(pointer.Target).(*btf.Struct)
	return ok && s.Name == "pt_regs"
}

// refuseFunctions says why programs cannot follow functions on this kernel; nil: they
// can. It tries one, which takes as long as the kernel's wait for all threads.
var refuseFunctions = sync.OnceValue(func() error {
	if canBePreempted() && !keepsPreemptionOff(release()) {
		return fmt.Errorf("this kernel preempts programs on functions, which they can keep off since Linux 6.15; Linux %s", release())
	}
	if err := followOne("restart_syscall"); err != nil {
		return fmt.Errorf("this kernel refuses programs on functions: %w", err)
	}
	return nil
})

// followOne attaches a program that does nothing to a function of a call.
func followOne(call string) error {
	protos := entryProtos{types: typesOfKernel()}
	functions := entryPoints(runtime.GOARCH, call, func(f string) bool { _, found := protos.find(f); return found })
	if len(functions) == 0 {
		return fmt.Errorf("none is known for %s", call)
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit, AttachTo: functions[0],
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}, License: "Dual BSD/GPL",
	})
	if errors.Is(err, unix.EPERM) {
		return unix.EPERM // the library's text blames a limit that kernels of the floor do not have
	}
	if err != nil {
		return err
	}
	defer prog.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		return err
	}
	return l.Close()
}

// keepsPreemptionOff: programs can do so themselves (bpf_preempt_disable), and call
// global functions meanwhile, since Linux 6.15.
func keepsPreemptionOff(release string) bool { return isSince(release, 6, 15) }

// canBePreempted: this kernel may take the CPU from a program that runs on a function.
func canBePreempted() bool {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return true
	}
	// Where the file cannot be read nothing is known.
	model, _ := os.ReadFile("/sys/kernel/debug/sched/preempt")
	return isPreemptive(unix.ByteSliceToString(uts.Version[:]), string(model))
}

// isPreemptive is about a kernel by its version as uname(2) gives it, and where the
// model is chosen at boot by the file that marks it so: "none (voluntary) full"
// (kernel/sched/debug.c).
func isPreemptive(version, model string) bool {
	if !strings.Contains(version, "PREEMPT") {
		return false
	}
	chosen := strings.Contains(model, "(none)") || strings.Contains(model, "(voluntary)")
	return !(strings.Contains(version, "PREEMPT_DYNAMIC") && chosen)
}
