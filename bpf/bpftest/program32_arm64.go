package bpftest

import "debug/elf"

// The kernel wants to know that a program follows the EABI (compat_elf_check_arch in
// arch/arm64/include/asm/elf.h).
const (
	machine32   = elf.EM_ARM
	flags32     = 5 << 24
	exitGroup32 = 248 // arch/arm/tools/syscall.tbl
)

// Call adds a call with up to three arguments.
func (p *Program32) Call(nr uint32, args ...uint32) {
	for register, arg := range args {
		p.move(uint32(register), arg)
	}
	p.move(7, nr)
	p.emit(0xef000000) // svc #0
}

// Times adds a call that is made so many times, without arguments.
func (p *Program32) Times(n int, nr uint32) {
	p.move(8, uint32(n))
	p.Call(nr)
	p.emit(0xe2588001, 0x1afffffa) // subs r8, r8, #1; bne to the call: four instructions back
}

// move is movw and movt: each takes half of the constant.
func (p *Program32) move(register, value uint32) {
	p.emit(0xe3000000|immediate(value)|register<<12, 0xe3400000|immediate(value>>16)|register<<12)
}

func immediate(value uint32) uint32 { return value&0xf000<<4 | value&0xfff }
