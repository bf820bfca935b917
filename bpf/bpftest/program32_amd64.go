package bpftest

import "debug/elf"

const (
	machine32   = elf.EM_386
	flags32     = 0
	exitGroup32 = 252 // arch/x86/entry/syscalls/syscall_32.tbl
)

// Opcodes of mov $constant to a register.
const eax, ecx, edx, ebx, esi = 0xb8, 0xb9, 0xba, 0xbb, 0xbe

// Call adds a call with up to three arguments.
func (p *Program32) Call(nr uint32, args ...uint32) {
	for i, arg := range args {
		p.move([]byte{ebx, ecx, edx}[i], arg)
	}
	p.move(eax, nr)
	p.code = append(p.code, 0xcd, 0x80) // int $0x80
}

// Times adds a call that is made so many times, without arguments.
func (p *Program32) Times(n int, nr uint32) {
	p.move(esi, uint32(n))
	p.Call(nr)
	p.code = append(p.code, 0x4e, 0x75, 0xf6) // dec %esi; jnz to the call: 10 bytes back
}

func (p *Program32) move(register byte, value uint32) {
	p.code = append(p.code, register)
	p.emit(value)
}
