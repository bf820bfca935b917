package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// trapTraits are the traits on which the counting depends, as package agent
// sets them by name.
var trapTraits = map[Syscall]Trait{
	{ABIaarch64, unix.SYS_EXECVE}:          TraitNewRegisters,
	{ABIaarch64, unix.SYS_EXECVEAT}:        TraitNewRegisters,
	{ABIarm, 11}:                           TraitNewRegisters,
	{ABIarm, 387}:                          TraitNewRegisters,
	{ABIaarch64, unix.SYS_RT_SIGRETURN}:    TraitNewRegisters | TraitSigreturn,
	{ABIaarch64, unix.SYS_RESTART_SYSCALL}: TraitRestart,
	{ABIaarch64, unix.SYS_CLONE}:           TraitFork,
	{ABIaarch64, unix.SYS_CLONE3}:          TraitFork,
	{ABIarm, 0}:                            TraitRestart,
	{ABIarm, 173}:                          TraitNewRegisters | TraitSigreturn,
	{ABIarm, 120}:                          TraitFork,
}

// forkEnds is how many ends of calls a new thread has that it did not begin:
// none, it goes straight to user mode (ret_from_fork in
// arch/arm64/kernel/entry.S).
const forkEnds = 0

var oldForks = []int32{}

// leftOutFails: a call that a tracer leaves out does not end with ENOSYS but
// with its first argument, unless the tracer sets another result.
const leftOutFails = 0

// oldWaits are calls that this architecture does without.
func oldWaits() map[int32]bpftest.Step { return nil }

var oddNumbers = calls{}

const abi32 = ABIarm

var trapsOfArch = map[string]func(*testing.T, *rig, Options){}
