package bpftest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// Executable writes the program, which begins with the steps, and gives the
// path of the file.
func (p *Program) Executable(t testing.TB, main ...Step) string {
	t.Helper()
	p.enter(0, p.Steps(main...))
	size := uint64(len(p.memory))
	header := elf.Header64{
		Ident: ident(elf.ELFCLASS64), Type: uint16(elf.ET_EXEC), Machine: uint16(elfMachine), Version: uint32(elf.EV_CURRENT),
		Entry: base + machine, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	segment := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X),
		Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: 1 << 16,
	}
	copy(p.memory, encode(header, segment))
	return writeExecutable(t, p.memory)
}

func ident(class elf.Class) [elf.EI_NIDENT]byte {
	return [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(class), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
}

// encode lays structures out as the file has them.
func encode(parts ...any) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		binary.Write(&b, binary.LittleEndian, part) // fixed sizes into memory: cannot fail
	}
	return b.Bytes()
}

func writeExecutable(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trap")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
