package bpftest

import "cmp"

// Step is one thing that a process does: mostly a system call, once or more.
type Step struct {
	op, nr uintptr
	args   [6]uintptr
	times  uintptr
	into   uintptr // address for the result
	ifZero uintptr // address of the steps to go on with when the result is 0
	ifNot  uintptr // the same when it is not
	back   uintptr // a loop: over how many steps before it
}

// The machine's operations: trap_*.s has these numbers too.
const (
	opCall = iota
	opLoop
	opSpin
	opInt80
	opReturn
)

// Call is a system call.
func Call(nr uintptr, args ...uintptr) Step {
	s := Step{op: opCall, nr: nr, times: 1}
	copy(s.args[:], args)
	return s
}

// Loop repeats the steps before it, so many of them, until they have been done
// so many times. Once in a process: its counter ends at 0.
func Loop(steps, times int) Step {
	return Step{op: opLoop, back: uintptr(steps), times: uintptr(times)}
}

// Again goes back to steps anywhere, until it has been come to so many times.
// Once in a process, as Loop.
func Again(steps uintptr, times int) Step {
	return Step{op: opLoop, ifNot: steps, times: uintptr(times)}
}

// Goto goes on with other steps.
func Goto(steps uintptr) Step { return Step{op: opLoop, ifNot: steps, ifZero: steps} }

// Spin waits in user mode until the word at flag is not 0; meanwhile the
// register of results has the value.
func Spin(value int, flag uintptr) Step {
	return Step{op: opSpin, args: [6]uintptr{uintptr(value), flag}}
}

// Return ends a signal handler, by rt_sigreturn.
func Return() Step { return Step{op: opReturn} }

// Times repeats a call. The last result counts.
func (s Step) Times(n int) Step {
	s.times = uintptr(n)
	return s
}

// Into keeps the result, a word, at the address.
func (s Step) Into(address uintptr) Step {
	s.into = address
	return s
}

// IfZero goes on with other steps when the result is 0: a fork's child.
func (s Step) IfZero(steps uintptr) Step {
	s.ifZero = steps
	return s
}

// stepBytes is the size of a step in memory: its operation, number, six
// arguments, repetitions, address for the result, and the addresses of the
// steps after a result that is not 0 and after one that is.
const stepBytes = 12 * 8

// words are the step as the machine reads it, at its address.
func (s Step) words(at uintptr) []uintptr {
	next := at + stepBytes
	if s.back != 0 {
		s.ifNot = at - s.back*stepBytes
	}
	words := append([]uintptr{s.op, s.nr}, s.args[:]...)
	return append(words, s.times, cmp.Or(s.into, base+nowhere), cmp.Or(s.ifNot, next), cmp.Or(s.ifZero, next))
}
