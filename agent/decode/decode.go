// Package decode says in words what the arguments and the result of a system
// call mean, where their numbers do not tell it: flags, commands, signals. It
// knows raw registers only: what a pointer points to is the kernel side's to
// read, and this package says where (time-outs, paths). It is a set
// of tables and pure functions.
package decode

import "strings"

// maxText bounds the text of an argument, in bytes. The longest that is
// sensible, an open with ten flags, has half of that.
const maxText = 200

// Call is a system call as the kernel saw it.
type Call struct {
	Name string // in the kernel's spelling: "openat"
	Args [6]uint64
	// Compat is a call of a 32-bit ABI (i386, arm): its registers have 32 bits,
	// and a 64-bit value is in two of them, at places that differ. x32 is not one.
	Compat bool
}

// Arg is an argument in words, by the name that its manual page gives.
type Arg struct{ Name, Text string }

// Args decodes those arguments that mean more to a person in words than as the
// raw number, in their order. Pointers are left out, and so is the first
// descriptor; a call that we do not know has none.
func Args(c Call) []Arg {
	var decoded []Arg
	for i, p := range params(c) {
		if p.text == nil {
			continue
		}
		if text := p.text(c, c.arg(i)); text != "" {
			decoded = append(decoded, Arg{p.name, bounded(text)})
		}
	}
	return decoded
}

// param is how an argument is decoded; the zero param is not.
type param struct {
	name string
	text text
}

// text puts a value into words; "" when there is nothing to say in this call.
type text func(c Call, v uint64) string

func params(c Call) []param {
	if c.Compat {
		if p, other := compatTable[c.Name]; other {
			return p
		}
	}
	return table[c.Name]
}

// arg is a register as wide as the ABI has it.
func (c Call) arg(i int) uint64 {
	if c.Compat {
		return uint64(uint32(c.Args[i]))
	}
	return c.Args[i]
}

func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText-len("...")], "") + "..."
}
