package bpftest

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Program is a process in the making that makes exactly the system calls of its
// steps and no other: no language's runtime makes calls beside them. It becomes
// a static ELF file with a small machine (trap_*.s) in it that executes the
// steps, and so needs no compiler where the tests run.
//
// What is put into a program has its final address at once, so that what
// comes later can point at it.
type Program struct {
	memory []byte // from base on; begins with the ELF header
}

// The process's memory; trap_*.s has base+table too.
const (
	base    = 0x20000000
	table   = 0x100        // for each signal where its handler's steps are; [0]: those of the process
	nowhere = table + 65*8 // takes the results that nobody wants
	machine = nowhere + 8  // its code
)

// NewProgram has no steps.
func NewProgram() *Program {
	return &Program{memory: append(make([]byte, machine), machineCode()...)}
}

// Put puts bytes into the program and gives their address, a multiple of 16.
func (p *Program) Put(data []byte) uintptr {
	p.memory = append(p.memory, make([]byte, -len(p.memory)&15)...)
	at := len(p.memory)
	p.memory = append(p.memory, data...)
	return base + uintptr(at)
}

// Text puts a string, ended by NUL.
func (p *Program) Text(s string) uintptr { return p.Put(append([]byte(s), 0)) }

// Words puts 64-bit words.
func (p *Program) Words(words ...uintptr) uintptr {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, uint64(w))
	}
	return p.Put(b)
}

// Stack puts a stack and gives its upper end. A signal's frame takes up to
// 11 KB of it (AMX's tiles).
func (p *Program) Stack() uintptr {
	const size = 64 << 10
	return p.Put(make([]byte, size)) + size
}

// Steps puts steps that follow each other and gives the address of the first.
func (p *Program) Steps(steps ...Step) uintptr {
	first := p.Put(nil)
	var words []uintptr
	for i, s := range steps {
		words = append(words, s.words(first+uintptr(i)*stepBytes)...)
	}
	p.Words(words...)
	return first
}

// Handler puts the steps of a signal's handler and gives the call that puts it
// in force, with flags such as SA_RESTART.
func (p *Program) Handler(signal unix.Signal, flags uintptr, steps ...Step) Step {
	p.enter(int(signal), p.Steps(append(steps, Return())...))
	action := p.Words(p.sigaction(flags)...)
	return Call(unix.SYS_RT_SIGACTION, uintptr(signal), action, 0, 8)
}

// Argument is where a step of Steps has an argument, for the result of another
// one to go into.
func Argument(steps uintptr, step, argument int) uintptr {
	return steps + uintptr(step*stepBytes+(2+argument)*8)
}

// enter sets an entry of the table.
func (p *Program) enter(index int, steps uintptr) {
	binary.LittleEndian.PutUint64(p.memory[table+8*index:], uint64(steps))
}
