package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// trapTraits are the traits on which the counting depends, as package agent
// sets them by name.
var trapTraits = map[Syscall]Trait{
	{ABIx8664, unix.SYS_EXECVE}:          TraitNewRegisters,
	{ABIx8664, unix.SYS_EXECVEAT}:        TraitNewRegisters,
	{ABIi386, 11}:                        TraitNewRegisters,
	{ABIi386, 358}:                       TraitNewRegisters,
	{ABIx8664, unix.SYS_RT_SIGRETURN}:    TraitNewRegisters | TraitSigreturn,
	{ABIx8664, unix.SYS_RESTART_SYSCALL}: TraitRestart,
	{ABIx8664, unix.SYS_FORK}:            TraitFork,
	{ABIx8664, unix.SYS_VFORK}:           TraitFork,
	{ABIx8664, unix.SYS_CLONE}:           TraitFork,
	{ABIx8664, unix.SYS_CLONE3}:          TraitFork,
	{ABIi386, 0}:                         TraitRestart,
	{ABIi386, 2}:                         TraitFork,
	{ABIi386, 119}:                       TraitNewRegisters | TraitSigreturn,
	{ABIi386, 173}:                       TraitNewRegisters | TraitSigreturn,
}

// forkEnds is how many ends of calls a new thread has that it did not begin:
// x86 lets it leave through the end of its parent's fork (ret_from_fork in
// arch/x86/kernel/process.c).
const forkEnds = 1

var oldForks = []int32{unix.SYS_FORK, unix.SYS_VFORK}

// leftOutFails: a call that a tracer leaves out ends with ENOSYS.
const leftOutFails = 1

// oldWaits are calls that newer architectures do without.
func oldWaits() map[int32]bpftest.Step {
	return map[int32]bpftest.Step{
		unix.SYS_POLL:   call(unix.SYS_POLL, 0, 0, ^uintptr(0)),
		unix.SYS_PAUSE:  call(unix.SYS_PAUSE),
		unix.SYS_SELECT: call(unix.SYS_SELECT),
	}
}

// oddNumbers are those of TestTrapNumbersOutOfRange that x86 takes apart: of
// 2^31-1, bit 30 means x32.
var oddNumbers = calls{own(NrUnknown): {15, 15}, {ABIx32, NrUnknown}: {5, 5}}

var trapsOfArch = map[string]func(*testing.T, *rig, Options){
	"int 0x80 from a 64-bit process": trapInt80FromA64BitProcess,
	"x32 numbers":                    trapX32Numbers,
}
