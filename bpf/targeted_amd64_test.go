package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// The 32-bit door has functions of its own.
func TestTargetedCallsOfBothABIs(t *testing.T) {
	// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
	const fsync386, fdatasync386, openat386 = 118, 148, 295
	p := bpftest.NewProgram()
	process := p.Start(t, bpftest.Int80(fsync386, 1<<31-1).Times(10), call(unix.SYS_FSYNC, 1<<31-1).Times(20), bpftest.Int80(20).Times(30),
		bpftest.Int80(fdatasync386, 1<<31-1).Times(40), bpftest.Int80(openat386, 0, 0).Times(50), call(unix.SYS_OPENAT, 0, 0, 0).Times(60), exit())
	tracer := newRig(t).watchOnly(t, fileCalls, process, own(unix.SYS_FSYNC), own(unix.SYS_OPENAT),
		Syscall{ABIi386, fsync386}, Syscall{ABIi386, fdatasync386}, Syscall{ABIi386, openat386})
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{
		{ABIi386, fsync386}: {10, 10}, own(unix.SYS_FSYNC): {20, 20}, {ABIi386, fdatasync386}: {40, 40},
		{ABIi386, openat386}: {50, 50}, own(unix.SYS_OPENAT): {60, 60},
	})
	wantEnds(t, tracer, Counters{})
}

func TestTargetedExecOfAnotherABI(t *testing.T) {
	last := bpftest.NewProgram().Executable(t, call(unix.SYS_GETSID, 0), exit())
	middle := bpftest.NewProgram32()
	middle.Times(20, 64)
	middle.Call(11, middle.Text(last), 0, 0)
	p := bpftest.NewProgram()
	process := p.Start(t, execve(p, middle.Executable(t)))
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_EXECVE), execve32, getppid32)
	process.Poke()
	process.Hear()
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_EXECVE): {1, 0}, execve32: {1, 0}, getppid32: {20, 0}})
	wantEnds(t, tracer, Counters{})
}
