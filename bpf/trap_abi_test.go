package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Numbers that are the same in arch/x86/entry/syscalls/syscall_32.tbl and
// arch/arm/tools/syscall.tbl.
var (
	read32    = Syscall{abi32, 3}
	write32   = Syscall{abi32, 4}
	execve32  = Syscall{abi32, 11}
	getpid32  = Syscall{abi32, 20}
	getppid32 = Syscall{abi32, 64}
	getsid32  = Syscall{abi32, 147}
)

func trap32BitProcess(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram32()
	p.Times(1000, 20)
	p.Times(500, 64)
	p.Call(147, 1<<31)
	process := p.Start(t)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	want := calls{getpid32: {1000, 0}, getppid32: {500, 0}, getsid32: {1, 1}}
	if opts.Mode == ModeCount {
		want[read32] = tally{1, 0} // the release
	}
	wantRows(t, tracer, want)
	wantStory(t, tracer, Counters{Died: 1})
}

// execve belongs to the ABI that it began in. Where only its end is seen, it is
// that of the new program.
func trapExecOfAnotherABI(t *testing.T, r *rig, opts Options) {
	last := bpftest.NewProgram().Executable(t, call(unix.SYS_GETSID, 0).Times(3), exit())
	middle := bpftest.NewProgram32()
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
		own(unix.SYS_EXECVE): {1, 0}, execve32: {1, 0}, // in mode count the other way round
		write32: {1, 0}, read32: {1, 0}, getpid32: {20, 0}, own(unix.SYS_GETSID): {3, 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}
