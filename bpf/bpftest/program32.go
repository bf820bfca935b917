package bpftest

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

// Program32 is a 32-bit program of calls by the numbers of i386, or of Arm's EABI.
// There is no machine in it: its code is laid out call by call.
type Program32 struct{ text, code []byte }

// What is where in memory. The ELF header comes first.
const (
	base32   = 0x08048000
	buffer32 = 0x80 // a byte to read into
	text32   = 0x100
	code32   = 0x1000
)

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl and arch/arm/tools/syscall.tbl.
const (
	read32  = 3
	write32 = 4
)

// NewProgram32 makes no calls after its release, which it waits for in read.
func NewProgram32() *Program32 {
	p := &Program32{}
	p.Call(write32, 1, base32+buffer32, 1)
	p.Call(read32, 0, base32+buffer32, 1)
	return p
}

// Text puts a string, ended by NUL, and gives its address.
func (p *Program32) Text(s string) uint32 {
	at := text32 + len(p.text)
	p.text = append(append(p.text, s...), 0)
	return base32 + uint32(at)
}

func (p *Program32) emit(words ...uint32) {
	for _, word := range words {
		p.code = binary.LittleEndian.AppendUint32(p.code, word)
	}
}

// Executable writes the program, which ends after its last call, and gives the
// path of the file.
func (p *Program32) Executable(t testing.TB) string {
	t.Helper()
	p.Call(exitGroup32, 0)
	size := uint32(code32 + len(p.code))
	header := elf.Header32{
		Ident: ident(elf.ELFCLASS32), Type: uint16(elf.ET_EXEC), Machine: uint16(machine32), Version: uint32(elf.EV_CURRENT), Flags: flags32,
		Entry: base32 + code32, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}
	segment := elf.Prog32{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X),
		Vaddr: base32, Paddr: base32, Filesz: size, Memsz: size, Align: 1 << 12,
	}
	memory := make([]byte, code32)
	copy(memory, encode(header, segment))
	copy(memory[text32:], p.text)
	return writeExecutable(t, append(memory, p.code...))
}

// Start starts the program, and returns when it waits for its release.
func (p *Program32) Start(t testing.TB) *Process {
	t.Helper()
	return start(t, p.Executable(t))
}
