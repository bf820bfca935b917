package bpf

import (
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// atRest is a mode in which records rest: nobody follows the waits of calls.
var atRest = Options{Mode: ModeCount, GroupBy: GroupByProcess, Rows: 4096, NoWaits: true}

// What the storage of a thread that sleeps is made to say is not asked: its record is
// with the CPU. Another thread may have taken its place there, but not each time.
func TestAThreadThatComesBackFindsItsRecordWithTheCPU(t *testing.T) {
	t.Run("without waits", func(t *testing.T) { comesBackToItsRecord(t, atRest) })
	t.Run("from a call that is never slow", func(t *testing.T) { comesBackToItsRecord(t, modes["count"]) })
}

func comesBackToItsRecord(t *testing.T, opts Options) {
	const attempts = 50
	for range attempts {
		p := bpftest.NewProgram()
		b := p.Words(0)
		say := call(unix.SYS_WRITE, 1, b, 1)
		process := p.Start(t, call(unix.SYS_SCHED_SETAFFINITY, 0, 128, p.Masks(t)[0]), say, call(unix.SYS_READ, 0, b, 1), say, exit())
		tracer := newRig(t).watch(t, opts, process)
		process.Poke()
		process.Hear()
		process.AwaitStates("S")
		pidfd := uint32(pidfdOf(t, process.PID()))
		var thread syscountThread
		if err := tracer.objs.Threads.Lookup(pidfd, &thread); err != nil {
			t.Fatal(err)
		}
		thread.Observed = 0
		if err := tracer.objs.Threads.Update(pidfd, &thread, ebpf.UpdateExist); err != nil {
			t.Fatal(err)
		}
		process.Poke()
		process.Finish()
		if got := counted(t, tracer); got[own(unix.SYS_READ)].calls == 1 && got[own(unix.SYS_WRITE)].calls == 2 {
			return
		}
	}
	t.Errorf("in %d of %d attempts the record was that of the storage", attempts, attempts)
}

// A thread leaves its record with one CPU, gets a suspended call on another, and comes back in it: what
// the first CPU has kept is no longer true.
func TestARecordThatRestsIsVoidWhenItsThreadHasRunElsewhere(t *testing.T) {
	p := bpftest.NewProgram()
	b, cpus := p.Words(0), p.Masks(t)
	first, second := cpus[0], cpus[len(cpus)-1] // the same where there is one
	say := call(unix.SYS_WRITE, 1, b, 1)
	goTo := func(cpu uintptr) bpftest.Step { return call(unix.SYS_SCHED_SETAFFINITY, 0, 128, cpu) }
	process := p.Start(t,
		p.Handler(unix.SIGUSR1, saRestart, goTo(first), say), goTo(first),
		goTo(second), // its record rests where it leaves from
		say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := newRig(t).watch(t, atRest, process)
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
	tracer := newRig(t).watch(t, atRest, process)
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
