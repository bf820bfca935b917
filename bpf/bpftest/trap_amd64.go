package bpftest

import "debug/elf"

const elfMachine = elf.EM_X86_64

// saRestorer is needed on x86-64: the kernel has no code of its own that ends a
// handler (sigaction(2)).
const saRestorer = 0x04000000

// sigaction is the kernel's struct sigaction, whose handler is the machine.
func (p *Program) sigaction(flags uintptr) []uintptr {
	restorer := p.Put([]byte{
		0xb8, 15, 0, 0, 0, // mov $SYS_rt_sigreturn, %eax
		0x0f, 0x05, // syscall
	})
	return []uintptr{base + machine, flags | saRestorer, restorer, 0}
}

// otherDoors are calls by i386's numbers (arch/x86/entry/syscalls/syscall_32.tbl), one of
// which x86-64 has for another call: 20 is its writev.
var otherDoors = []Step{Int80(20).Times(10), Int80(64).Times(10), Int80(147, 1<<31).Times(5)}

// otherDoorsAnswer is how many calls that are: getpid, getppid, and getsid, which fails.
var otherDoorsAnswer = map[Number]Tally{{Door386, 20}: {10, 0}, {Door386, 64}: {10, 0}, {Door386, 147}: {5, 5}}

// Int80 is a system call by the 32-bit door, with up to three arguments below
// 4 GiB; nr is i386's number.
func Int80(nr uintptr, args ...uintptr) Step {
	s := Call(nr, args...)
	s.op = opInt80
	return s
}
