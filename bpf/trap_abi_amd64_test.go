package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

const abi32 = ABIi386

// A 64-bit process calls by the 32-bit door, and by its own in between.
func trapInt80FromA64BitProcess(t *testing.T, r *rig, opts Options) {
	process := bpftest.NewProgram().Start(t,
		bpftest.Int80(20).Times(100), call(unix.SYS_GETPPID).Times(10), bpftest.Int80(64).Times(50),
		bpftest.Int80(147, 1<<31).Times(5), bpftest.Int80(511).Times(2), bpftest.Int80(9999).Times(3), bpftest.Int80(1<<32-1).Times(4), exit())
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		getpid32: {100, 0}, getppid32: {50, 0}, getsid32: {5, 5}, {ABIi386, NrUnknown}: {9, 9}, own(unix.SYS_GETPPID): {10, 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}

// Without CONFIG_X86_X32_ABI there are no such calls: they fail, and are counted.
func trapX32Numbers(t *testing.T, r *rig, opts Options) {
	const x32 = 0x40000000
	p := bpftest.NewProgram()
	result := p.Words(0)
	process := p.Start(t, call(x32|39).Times(7).Into(result), call(unix.SYS_WRITE, 1, result, 8),
		call(x32|574).Times(2), call(x32|575).Times(3), call(x32|9999).Times(4), call(unix.SYS_GETPPID), exit())
	tracer := r.watch(t, opts, process)
	process.Poke()
	pid := process.HearWord()
	process.Finish()
	getpid := tally{7, 0}
	switch pid {
	case int64(process.PID()):
	case -int64(unix.ENOSYS):
		getpid.errors = 7
	default:
		t.Errorf("x32's getpid gave %d", pid)
	}
	wantCalls(t, tracer, calls{
		{ABIx32, 39}: getpid, {ABIx32, 574}: {2, 2}, {ABIx32, NrUnknown}: {7, 7},
		own(unix.SYS_WRITE): {1, 0}, own(unix.SYS_GETPPID): {1, 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}
