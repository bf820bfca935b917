package bpftest

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// systemCallSet is NT_ARM_SYSTEM_CALL of include/uapi/linux/elf.h.
const systemCallSet = 0x404

// SetSyscall replaces the number of the call that the process is stopped in.
func (p *Process) SetSyscall(nr int) {
	p.t.Helper()
	number := int32(nr)
	iov := unix.Iovec{Base: (*byte)(unsafe.Pointer(&number)), Len: 4}
	p.ptrace(unix.PTRACE_SETREGSET, systemCallSet, unsafe.Pointer(&iov))
}
