package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
var (
	read386    = Syscall{ABIi386, 3}
	write386   = Syscall{ABIi386, 4}
	execve386  = Syscall{ABIi386, 11}
	getpid386  = Syscall{ABIi386, 20}
	getppid386 = Syscall{ABIi386, 64}
	getsid386  = Syscall{ABIi386, 147}
)

// A 64-bit process calls by the 32-bit door, and by its own in between.
func trapInt80FromA64BitProcess(t *testing.T, r *rig, opts Options) {
	process := bpftest.NewProgram().Start(t,
		bpftest.Int80(20).Times(100), call(unix.SYS_GETPPID).Times(10), bpftest.Int80(64).Times(50),
		bpftest.Int80(147, 1<<31).Times(5), bpftest.Int80(511).Times(2), bpftest.Int80(9999).Times(3), bpftest.Int80(1<<32-1).Times(4), exit())
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		getpid386: {100, 0}, getppid386: {50, 0}, getsid386: {5, 5}, {ABIi386, NrUnknown}: {9, 9}, own(unix.SYS_GETPPID): {10, 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}

func trap32BitProcess(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram386()
	p.Times(1000, 20)
	p.Times(500, 64)
	p.Call(147, 1<<31)
	process := p.Start(t)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	want := calls{getpid386: {1000, 0}, getppid386: {500, 0}, getsid386: {1, 1}}
	if opts.Mode == ModeCount {
		want[read386] = tally{1, 0} // the release
	}
	wantRows(t, tracer, want)
	wantStory(t, tracer, Counters{Died: 1})
}

// execve belongs to the ABI that it began in. Where only its end is seen, it is
// that of the new program.
func trapExecOfAnotherABI(t *testing.T, r *rig, opts Options) {
	last := bpftest.NewProgram().Executable(t, call(unix.SYS_GETSID, 0).Times(3), exit())
	middle := bpftest.NewProgram386()
	middle.Times(20, 20)
	middle.Call(11, middle.Text(last), 0, 0)
	p := bpftest.NewProgram()
	process := p.Start(t, execve(p, middle.Executable(t)))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Hear() // the 32-bit program has a release of its own
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_EXECVE): {1, 0}, execve386: {1, 0}, // in mode count the other way round
		write386: {1, 0}, read386: {1, 0}, getpid386: {20, 0}, own(unix.SYS_GETSID): {3, 0},
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
