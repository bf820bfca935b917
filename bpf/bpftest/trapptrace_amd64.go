package bpftest

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SetSyscall replaces the number of the call that the process is stopped in.
func (p *Process) SetSyscall(nr int) {
	p.t.Helper()
	var regs unix.PtraceRegs
	p.ptrace(unix.PTRACE_GETREGS, 0, unsafe.Pointer(&regs))
	regs.Orig_rax = uint64(nr)
	p.ptrace(unix.PTRACE_SETREGS, 0, unsafe.Pointer(&regs))
}
