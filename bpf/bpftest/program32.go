package bpftest

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

// Program386 is a 32-bit program of calls by i386's numbers. There is no machine
// in it: its code is laid out call by call.
type Program386 struct{ text, code []byte }

// What is where in memory. The ELF header comes first.
const (
	base386   = 0x08048000
	buffer386 = 0x80 // a byte to read into
	text386   = 0x100
	code386   = 0x1000
)

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
const (
	exitGroup386 = 252
	read386      = 3
	write386     = 4
)

// Opcodes of mov $constant to a register.
const eax, ecx, edx, ebx, esi = 0xb8, 0xb9, 0xba, 0xbb, 0xbe

// NewProgram386 makes no calls after its release, which it waits for in read.
func NewProgram386() *Program386 {
	p := &Program386{}
	p.Call(write386, 1, base386+buffer386, 1)
	p.Call(read386, 0, base386+buffer386, 1)
	return p
}

// Text puts a string, ended by NUL, and gives its address.
func (p *Program386) Text(s string) uint32 {
	at := text386 + len(p.text)
	p.text = append(append(p.text, s...), 0)
	return base386 + uint32(at)
}

// Call adds a call with up to three arguments.
func (p *Program386) Call(nr uint32, args ...uint32) {
	for i, arg := range args {
		p.move([]byte{ebx, ecx, edx}[i], arg)
	}
	p.move(eax, nr)
	p.code = append(p.code, 0xcd, 0x80) // int $0x80
}

// Times adds a call that is made so many times, without arguments.
func (p *Program386) Times(n int, nr uint32) {
	p.move(esi, uint32(n))
	p.Call(nr)
	p.code = append(p.code, 0x4e, 0x75, 0xf6) // dec %esi; jnz to the call: 10 bytes back
}

func (p *Program386) move(register byte, value uint32) {
	p.code = binary.LittleEndian.AppendUint32(append(p.code, register), value)
}

// Executable writes the program, which ends after its last call, and gives the
// path of the file.
func (p *Program386) Executable(t testing.TB) string {
	t.Helper()
	p.Call(exitGroup386, 0)
	size := uint32(code386 + len(p.code))
	header := elf.Header32{
		Ident: ident(elf.ELFCLASS32), Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: uint32(elf.EV_CURRENT),
		Entry: base386 + code386, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}
	segment := elf.Prog32{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X),
		Vaddr: base386, Paddr: base386, Filesz: size, Memsz: size, Align: 1 << 12,
	}
	memory := make([]byte, code386)
	copy(memory, encode(header, segment))
	copy(memory[text386:], p.text)
	return writeExecutable(t, append(memory, p.code...))
}

// Start starts the program, and returns when it waits for its release.
func (p *Program386) Start(t testing.TB) *Process {
	t.Helper()
	return start(t, p.Executable(t))
}
