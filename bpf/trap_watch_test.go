package bpf

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// watchMode is the mode that has nothing attached to system calls.
var watchMode = Options{Mode: ModeWatch}

// needWatch skips a test on a kernel that cannot run the mode.
func needWatch(t *testing.T) {
	t.Helper()
	if !HasTaskWork() {
		t.Skip("this kernel has no BPF task work")
	}
}

// findingModes are all that find slow calls: those that count, and watch where
// the kernel has it.
func findingModes() map[string]Options {
	all := maps.Clone(modes)
	if HasTaskWork() {
		all["watch"] = watchMode
	}
	return all
}

// watching finds the slow calls of one number of a process.
func watching(t *testing.T, process *bpftest.Process, nr int32, thresholdNs uint64) *Tracer {
	t.Helper()
	needWatch(t)
	tracer := running(t, watchMode, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
	setWatched(t, tracer, nr, thresholdNs)
	return tracer
}

// setWatched makes the calls of one number slow.
func setWatched(t *testing.T, tracer *Tracer, nr int32, thresholdNs uint64) {
	t.Helper()
	if err := tracer.SetSyscalls(func(sc Syscall) Setting {
		s := settingOfTraps(sc)
		if sc == own(nr) {
			s.ThresholdNs = thresholdNs
		}
		return s
	}); err != nil {
		t.Fatal(err)
	}
}

// bracketed are the steps of a call with a look at the clock before and after it;
// the process says both.
func bracketed(p *bpftest.Program, step bpftest.Step) []bpftest.Step {
	clock := p.Words(0, 0, 0, 0)
	look := func(at uintptr) bpftest.Step { return call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, at) }
	return []bpftest.Step{look(clock), step, look(clock + 16), call(unix.SYS_WRITE, 1, clock, 32)}
}

// hearBracket is what a process says after bracketed steps, in ns.
func hearBracket(process *bpftest.Process) (before, after uint64) {
	before = uint64(process.HearWord()) * 1e9
	before += uint64(process.HearWord())
	after = uint64(process.HearWord()) * 1e9
	return before, after + uint64(process.HearWord())
}

// wantWatched wants one slow call, with this result and at least so long.
func wantWatched(t *testing.T, tracer *Tracer, ret int64, atLeastNs uint64) *SlowCall {
	t.Helper()
	calls := slowCalls(t, tracer)
	if len(calls) != 1 {
		c, _ := tracer.Counters()
		t.Fatalf("%d slow calls; want 1: %+v", len(calls), c)
	}
	c := calls[0]
	if c.Ret != ret || c.DurationNs() < atLeastNs || c.Stuck {
		t.Errorf("ret %d after %d ns, stuck %v; want %d after %d or more", c.Ret, c.DurationNs(), c.Stuck, ret, atLeastNs)
	}
	wantWaits(t, c)
	return c
}

// wantWithin wants a call inside of its caller's bracket.
func wantWithin(t *testing.T, c *SlowCall, before, after uint64) {
	t.Helper()
	if c.StartNs < before || c.EndNs > after {
		t.Errorf("from %d to %d; the caller's bracket is %d to %d", c.StartNs, c.EndNs, before, after)
	}
}

// wantCallbacks wants every callback to be accounted for, no process of the
// test being left, and every restart; the others are 0 unless they are wanted.
func wantCallbacks(t *testing.T, tracer *Tracer, want Counters) {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if c.Callbacks == 0 || c.Callbacks != c.Returned+c.Astray+c.CallbacksDied+c.Voided {
		t.Errorf("%d callbacks, of which %d returned, %d went astray, %d died, %d were void", c.Callbacks, c.Returned, c.Astray, c.CallbacksDied, c.Voided)
	}
	if c.Suspended != c.Resumed+c.Interrupted+c.Abandoned {
		t.Errorf("%d suspended; %d resumed, %d interrupted, %d abandoned", c.Suspended, c.Resumed, c.Interrupted, c.Abandoned)
	}
	want.Callbacks, want.Returned, want.Slow, want.RecursionMisses = c.Callbacks, c.Returned, c.Slow, c.RecursionMisses
	want.Exit, want.Unstamped = c.Suspended, c.Suspended
	want.Traffic, want.SwitchesMissed = c.Traffic, c.SwitchesMissed // of which running.h says that it is the kernel's
	if c != want {
		t.Errorf("counters\n%+v; want\n%+v", c, want)
	}
	var key, value uint64
	if entries := tracer.objs.Callbacks.Iterate(); entries.Next(&key, &value) {
		t.Errorf("the callback of a task at %#x is left", key)
	}
}

// The mode loads where the kernel has what it needs, and is refused in words elsewhere.
func TestWatchNeedsTaskWork(t *testing.T) {
	if HasTaskWork() {
		shared.borrow(t, watchMode)
		return
	}
	tracer, err := Load(watchMode)
	if tracer != nil {
		defer tracer.Close()
	}
	want := fmt.Sprintf("%v: mode watch needs BPF task work (bpf_task_work_schedule_resume), which came with Linux 6.18; "+
		"Linux %s has none: use mode account or count", ErrNotSupported, release())
	if !errors.Is(err, ErrNotSupported) || err.Error() != want {
		t.Errorf("Load in mode watch: %v; want %s", err, want)
	}
}

// Each sleep is a call of its own, at whatever place of the program, and short
// ones do not add up.
func TestWatchTellsCallsApart(t *testing.T) {
	p := bpftest.NewProgram()
	long, short := p.Words(0, 600e6), p.Words(0, 3e6)
	sleep := func(time uintptr) bpftest.Step { return call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, time) }
	process := p.Start(t, sleep(short).Times(40), sleep(long).Times(3), sleep(short).Times(40), exit())
	tracer := watching(t, process, unix.SYS_CLOCK_NANOSLEEP, 500e6)
	process.Poke()
	process.Finish()
	found := 0
	for _, c := range slowCalls(t, tracer) {
		w := wantWaits(t, c)
		switch {
		case c.Ret != 0 || !c.FirstBlock && !c.Tick: // which may come just before the sleep
			t.Errorf("ret %d, found at its first block %v, at a tick %v; want 0, and one of the two", c.Ret, c.FirstBlock, c.Tick)
		case w.SleepNs >= 599e6:
			found++
		case w.RunqueueNs < 300e6: // a short one, on a busy machine
			t.Errorf("%d ns, %+v; want a sleep of 600 ms", c.DurationNs(), w)
		}
	}
	if found != 3 {
		t.Errorf("%d sleeps of 600 ms; want 3", found)
	}
	wantCallbacks(t, tracer, Counters{})
}

// A long wait that nobody wants to know of is not added to a short one before.
func TestWatchLeavesOutOtherWaits(t *testing.T) {
	p := bpftest.NewProgram()
	short, long := p.Words(0, 1e5), p.Words(0, 400e6)
	process := p.Start(t, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, short), call(unix.SYS_NANOSLEEP, long), exit())
	tracer := watching(t, process, unix.SYS_CLOCK_NANOSLEEP, 350e6)
	process.Poke()
	process.Finish()
	for _, c := range slowCalls(t, tracer) {
		t.Errorf("%+v %+v; want none", c, c.Wait)
	}
	if c, err := tracer.Counters(); err != nil || c.Astray != 0 {
		t.Errorf("%d callbacks went astray, %v; want none", c.Astray, err)
	}
}

// A call that waits in hundreds of short pieces: its beginning may be missed by a
// sixteenth of the threshold, and by the wait that it is in by then. That is a short one:
// one of two ticks is looked at.
func TestWatchAddsUpShortWaits(t *testing.T) {
	const bytes, page, threshold = 1 << 20, 4096, 100e6
	p := bpftest.NewProgram()
	write := bracketed(p, call(unix.SYS_WRITE, 1, p.Put(make([]byte, bytes)), bytes))
	process := p.Start(t, append(queued(p, 3, write...), exit())...)
	tracer := watching(t, process, unix.SYS_WRITE, threshold)
	process.Poke()
	for n := range bytes / 8 {
		if process.HearWord(); n%(page/8) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	before, after := hearBracket(process)
	delay := hearRunDelay(t, process)
	process.Finish()
	c := wantWatched(t, tracer, bytes, threshold)
	wantWithin(t, c, before, after)
	most := threshold/PiecesOfThreshold + 2*tickNs(t) + delay - min(delay, c.Wait.RunqueueNs)
	if lost := after - before - c.DurationNs(); lost > most {
		t.Errorf("%d ns of %d are missing; want %d at most", lost, after-before, most)
	}
	if c.Wait.Voluntary < 20 {
		t.Errorf("%d waits; want many", c.Wait.Voluntary)
	}
	wantCallbacks(t, tracer, Counters{})
}

// The execve of a thread waits until the others are gone. Its end is in another
// program, under another thread's number.
func TestWatchSeesAnExecOfAThread(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	next := bpftest.NewProgram().Executable(t, exit())
	process := p.Start(t, p.Thread(call(unix.SYS_READ, 0, b, 1), execve(p, next)), call(unix.SYS_PPOLL, 0, 0, 0, 0, 8))
	tracer := watching(t, process, unix.SYS_EXECVE, 1)
	process.Poke()
	process.AwaitStates("SS")
	process.Poke()
	process.Finish()
	c := wantWatched(t, tracer, 0, 1)
	if c.Args != nil || int(c.PID) != process.PID() || int(c.TID) != process.PID() || c.Executable != next {
		t.Errorf("%+v; want the execve of %s, of process %d", c, next, process.PID())
	}
	wantCallbacks(t, tracer, Counters{})
}

// A parent waits for what its vfork child does, while that ends.
func TestWatchSeesAParentWaitForItsChild(t *testing.T) {
	p := bpftest.NewProgram()
	child := p.Steps(call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 60e6)), call(unix.SYS_EXIT, 0))
	clone := call(unix.SYS_CLONE, unix.CLONE_VFORK|unix.CLONE_VM|uintptr(unix.SIGCHLD), p.Stack()).IfZero(child)
	process := p.Start(t, clone, exit())
	tracer := watching(t, process, unix.SYS_CLONE, 30e6)
	process.Poke()
	process.Finish()
	calls := slowCalls(t, tracer)
	if len(calls) != 1 || calls[0].Ret <= 0 || calls[0].DurationNs() < 50e6 {
		t.Errorf("%+v; want a clone of 60 ms or so", calls)
	}
	wantCallbacks(t, tracer, Counters{})
}
