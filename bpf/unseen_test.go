package bpf

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// blind takes away what notices that threads leave the CPU and come back: what the
// kernel does for a moment while other tracers attach, for as long as the test lasts.
func blind(t *testing.T, tracer *Tracer) {
	t.Helper()
	i := slices.IndexFunc(tracer.programs(), func(p program) bool { return p.name == "sched_switch" })
	if i < 0 {
		t.Fatal("no program of sched_switch is attached")
	}
	if err := tracer.links[i].Close(); err != nil {
		t.Fatal(err)
	}
	tracer.links = slices.Delete(tracer.links, i, i+1)
}

// sighted gives it back.
func sighted(t *testing.T, tracer *Tracer) {
	t.Helper()
	all := tracer.programs()
	i := slices.IndexFunc(all, func(p program) bool { return p.name == "sched_switch" })
	if err := tracer.attach(all[i : i+1]); err != nil {
		t.Fatal(err)
	}
}

// Nobody's calls become another's: two processes take turns on one CPU, and neither is
// seen to leave it.
func TestCallsOfThreadsThatLeaveUnseenStayTheirs(t *testing.T) {
	const rounds = 2000
	var processes []*bpftest.Process
	var filter Filter
	for range 2 {
		p := bpftest.NewProgram()
		firstCPU := p.Words(1)
		process := p.Start(t, call(unix.SYS_SCHED_SETAFFINITY, 0, 8, firstCPU),
			call(unix.SYS_GETSID, 0), call(unix.SYS_SCHED_YIELD), bpftest.Loop(2, rounds), exit())
		processes, filter.PIDFDs = append(processes, process), append(filter.PIDFDs, pidfdOf(t, process.PID()))
	}
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, filter)
	blind(t, tracer)
	for _, p := range processes {
		p.Poke()
	}
	for _, p := range processes {
		p.Finish()
	}
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	groups := sums(t, tracer)
	for _, process := range processes {
		n := uint64(0)
		for group, rows := range groups {
			if int(group.PID) == process.PID() {
				n = rows[unix.SYS_GETSID].Count
			}
		}
		if n > rounds || n+c.Overwritten+c.RecursionMisses < rounds {
			t.Errorf("process %d: %d calls of %d; %d overwritten by %d missed switches", process.PID(), n, rounds, c.Overwritten, c.SwitchesMissed)
		}
	}
	if c.SwitchesMissed == 0 {
		t.Error("no switch was missed, though none could be seen")
	}
}

// unseenComing starts a process that reads, and lets it come back from that read without
// being seen, after a wait of the length given, in which the mode may change. It has ended then, after
// some sleeps more.
func unseenComing(t *testing.T, observe func(*bpftest.Process) *Tracer, wait time.Duration, change func(*Tracer), sleeps int) *Tracer {
	t.Helper()
	p := bpftest.NewProgram()
	b, ms := p.Words(0), p.Words(0, 1e6)
	more := slices.Repeat([]bpftest.Step{call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, ms)}, sleeps)
	process := p.Start(t, slices.Concat([]bpftest.Step{call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)}, more, []bpftest.Step{exit()})...)
	tracer := observe(process)
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	time.Sleep(20 * time.Millisecond) // in state S it may still be about to leave the CPU
	change(tracer)
	blind(t, tracer)
	time.Sleep(wait)
	process.Poke()
	process.Finish()
	return tracer
}

// A wait whose end was not seen is a wait all the same, with the stack that its thread had when it was woken.
func TestAWaitThatEndsUnseenIsNoCPUTime(t *testing.T) {
	const wait = 100 * time.Millisecond
	tracer := unseenComing(t, func(process *bpftest.Process) *Tracer {
		return slowWith(t, process.PID(), unix.SYS_READ, Look{})
	}, wait, func(*Tracer) {}, 0)
	for _, c := range slowCalls(t, tracer) {
		if c.DurationNs() < uint64(wait) {
			continue // its release, which is a read too
		}
		w := wantWaits(t, c)
		if w.SleepNs < uint64(wait) || w.LongestNs < uint64(wait) || len(w.Stack) == 0 || w.Waker.PID == 0 {
			t.Errorf("%+v of %d ns; want at least %v of sleep, with a stack and a waker", w, c.DurationNs(), wait)
		}
		return
	}
	if (&watched{tracer}).skipped(t) == 0 {
		t.Fatal("the slow read was not handed over")
	}
}

// Mode watch has lost the call of which it saw no end. It says so when the thread dies,
// whichever mode was in force when the call began, and however long the threshold.
func TestACallThatIsLostToModeWatchIsCounted(t *testing.T) {
	needWatch(t)
	const wait = 100 * time.Millisecond
	watch := base
	watch.Mode = ModeWatch
	for name, test := range map[string]struct {
		first     Options
		threshold uint64
		sleeps    int // afterwards, in a call that nobody wants to know of
	}{
		"watch": {watch, 30e6, 0}, "watch, sleeps": {watch, 30e6, 3}, "account": {modes["account"], 30e6, 0}, "count": {modes["count"], 30e6, 0},
		"watch, 1 s": {watch, 1e9, 0}, "watch, 1 s, sleeps": {watch, 1e9, 3}, "account, 1 s, sleeps": {modes["account"], 1e9, 3},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := unseenComing(t, func(process *bpftest.Process) *Tracer {
				return switching(t, process, test.first, map[int32]uint64{unix.SYS_READ: test.threshold}).Tracer
			}, wait, func(tracer *Tracer) {
				if _, err := tracer.Switch(watch); err != nil {
					t.Fatal(err)
				}
			}, test.sleeps)
			if calls := slowCalls(t, tracer); len(calls) > 0 {
				t.Errorf("%d slow calls; want none: nobody saw the thread come back", len(calls))
			}
			c, err := tracer.Counters()
			if err != nil {
				t.Fatal(err)
			}
			// The other modes' records of the threads that run are left on the CPUs, unseen too.
			skipped := (&watched{tracer}).skipped(t) // a thread of which nothing was seen has none
			if c.SwitchesMissed == 0 && skipped == 0 || test.first == watch && c.SwitchesMissed > 1 {
				t.Errorf("%d missed switches; want 1: %+v", c.SwitchesMissed, c)
			}
		})
	}
}

// It need not die: the next time that it waits, in whatever call, says so too.
func TestACallThatIsLostToModeWatchIsCountedAtTheNextWait(t *testing.T) {
	needWatch(t)
	const threshold, wait = 1e9, 100 * time.Millisecond
	for name, nap := range map[string]bool{"in such a call": false, "in another": true} {
		t.Run(name, func(t *testing.T) {
			p := bpftest.NewProgram()
			b := p.Words(0)
			say, read := call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)
			steps := []bpftest.Step{say, read, say, call(unix.SYS_GETPPID), bpftest.Loop(1, 300_000)} // meanwhile the events come back
			if nap {
				steps = append(steps, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 1e6)))
			} else {
				steps = append(steps, read)
			}
			process := p.Start(t, append(steps, say, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(1000)))...)
			watch := base
			watch.Mode = ModeWatch
			tracer := switching(t, process, watch, map[int32]uint64{unix.SYS_READ: threshold})
			process.Poke()
			process.Hear()
			sleepFor(t, process, 20*time.Millisecond) // in state S it may still be about to leave the CPU
			blind(t, tracer.Tracer)
			time.Sleep(wait)
			process.Poke()
			process.Hear()
			sighted(t, tracer.Tracer)
			if !nap {
				sleepFor(t, process, 20*time.Millisecond)
				process.Poke()
			}
			process.Hear()
			sleepFor(t, process, 0)
			c, err := tracer.Counters()
			if err != nil {
				t.Fatal(err)
			}
			if !within(c.SwitchesMissed, 1, tracer.skipped(t)) {
				t.Errorf("%d missed switches of a thread that lives; want 1: %+v", c.SwitchesMissed, c)
			}
			process.Kill()
		})
	}
}

// After less than a sixteenth of the threshold no callback would have been asked for: nothing is lost by not seeing it.
func TestAComingFromAShortWaitIsNoLoss(t *testing.T) {
	needWatch(t)
	watch := base
	watch.Mode = ModeWatch
	tracer := unseenComing(t, func(process *bpftest.Process) *Tracer {
		return switching(t, process, watch, map[int32]uint64{unix.SYS_READ: 100e9}).Tracer
	}, 100*time.Millisecond, func(*Tracer) {}, 0)
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if skipped := (&watched{tracer}).skipped(t); !within(c.SwitchesMissed, 0, skipped) {
		t.Errorf("%d missed switches; want none: %+v", c.SwitchesMissed, c)
	}
}

// onFirstCPU keeps the test to a CPU until it is called back, so that the last one is left to others, if there is
// another.
func onFirstCPU(t *testing.T) (back func()) {
	t.Helper()
	var all, first unix.CPUSet
	runtime.LockOSThread()
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; first.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			first.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &first); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.SchedSetaffinity(0, &all); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	}
}

// Who comes to a CPU that another thread has not been seen to leave tells that one waits in a call that nobody knows of.
func TestALeavingThatIsLostToModeWatchIsCounted(t *testing.T) {
	needWatch(t)
	const attempts = 20 // another thread may have its CPU at the moment
	for range attempts {
		p := bpftest.NewProgram()
		b := p.Words(0)
		say, read := call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)
		cpus := p.Masks(t)
		process := p.Start(t, call(unix.SYS_SCHED_SETAFFINITY, 0, 128, cpus[len(cpus)-1]), say, call(unix.SYS_GETPPID), bpftest.Loop(1, 300_000), read, exit())
		watch := base
		watch.Mode = ModeWatch
		tracer := switching(t, process, watch, map[int32]uint64{unix.SYS_READ: 30e6})
		back := onFirstCPU(t)
		process.Poke()
		process.Hear()
		blind(t, tracer.Tracer)
		sleepFor(t, process, 50*time.Millisecond)
		sighted(t, tracer.Tracer)
		process.Poke()
		process.Finish()
		back()
		c, err := tracer.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if len(slowCalls(t, tracer.Tracer)) > 0 {
			continue // it was faster than we, and seen
		}
		if c.SwitchesMissed > 1 {
			t.Errorf("%d missed switches; want 1: %+v", c.SwitchesMissed, c)
		}
		if c.SwitchesMissed > 0 {
			return
		}
	}
	t.Errorf("in none of %d attempts a missed switch", attempts)
}

// A short wait, after which the thread waits elsewhere for long, is no coming that nobody saw.
func TestAWaitElsewhereIsNotTakenForAMissedSwitch(t *testing.T) {
	needWatch(t)
	for name, threshold := range map[string]uint64{"30 ms": 30e6, "1 s": 1e9} {
		t.Run(name, func(t *testing.T) {
			p := bpftest.NewProgram()
			nap := call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 1e6))
			elsewhere := func() bpftest.Step { return call(unix.SYS_PPOLL, 0, 0, p.Words(0, 1e8), 0, 8) } // it writes what is left of the time
			process := p.Start(t, nap, elsewhere(), nap, elsewhere(), nap, elsewhere(), exit())
			watch := base
			watch.Mode = ModeWatch
			tracer := switching(t, process, watch, map[int32]uint64{unix.SYS_CLOCK_NANOSLEEP: threshold})
			process.Poke()
			process.Finish()
			c, err := tracer.Counters()
			if err != nil {
				t.Fatal(err)
			}
			if !within(c.SwitchesMissed, 0, tracer.skipped(t)) {
				t.Errorf("%d missed switches; want none: %+v", c.SwitchesMissed, c)
			}
		})
	}
}
