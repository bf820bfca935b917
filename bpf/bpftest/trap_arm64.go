package bpftest

import "debug/elf"

const elfMachine = elf.EM_AARCH64

// otherDoors: a 64-bit process has none but its own.
var otherDoors []Step

var otherDoorsAnswer map[Number]Tally

// sigaction is the kernel's struct sigaction, whose handler is the machine. The
// vdso has the code that ends a handler.
func (p *Program) sigaction(flags uintptr) []uintptr {
	return []uintptr{base + machine, flags, 0, 0}
}
