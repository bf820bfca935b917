package bpf

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// A thread leaves its record with one CPU, gets a suspended call on another, and comes back in it: what
// the first CPU has kept is no longer true.
func TestARecordThatRestsIsVoidWhenItsThreadHasRunElsewhere(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("wants two CPUs")
	}
	p := bpftest.NewProgram()
	b, first, second := p.Words(0), p.Words(1), p.Words(2)
	say := call(unix.SYS_WRITE, 1, b, 1)
	goTo := func(cpu uintptr) bpftest.Step { return call(unix.SYS_SCHED_SETAFFINITY, 0, 8, cpu) }
	process := p.Start(t,
		p.Handler(unix.SIGUSR1, saRestart, goTo(first), say), goTo(first),
		goTo(second), // its record rests where it leaves from
		say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := newRig(t).watch(t, Options{Mode: ModeCount, GroupBy: GroupByProcess, Rows: 4096, NoWaits: true}, process)
	interrupted(t, process)
	process.AwaitStates("S")
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_SCHED_SETAFFINITY): {3, 0}, own(unix.SYS_WRITE): {2, 0},
		own(unix.SYS_READ): {1, 0}, own(unix.SYS_RT_SIGRETURN): {1, 0},
	})
	wantStory(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// A thread that sleeps while the filter changes comes back with what the new one says of it.
func TestARecordThatRestsIsVoidUnderAnotherFilter(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, say, call(unix.SYS_READ, 0, b, 1), say, call(unix.SYS_READ, 0, b, 1), say, exit())
	tracer := newRig(t).watch(t, Options{Mode: ModeCount, GroupBy: GroupByProcess, Rows: 4096, NoWaits: true}, process)
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	others := Filter{PIDFDs: []int{pidfdOf(t, 1)}}
	if err := tracer.SetFilter(others); err != nil {
		t.Fatal(err)
	}
	process.Poke() // not counted from here: the read, and what it says
	process.Hear()
	process.AwaitStates("S")
	if err := tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}}); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_WRITE): {2, 0}, own(unix.SYS_READ): {1, 0}})
}
