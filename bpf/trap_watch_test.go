package bpf

import (
	"errors"
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
		if sc == own(unix.SYS_EXECVE) {
			s.Traits |= TraitNewRegisters
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
	if !errors.Is(err, ErrNotSupported) {
		t.Errorf("Load in mode watch: %v; want %v", err, ErrNotSupported)
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
// sixteenth of the threshold.
func TestWatchAddsUpShortWaits(t *testing.T) {
	const bytes, page, threshold = 1 << 20, 4096, 100e6
	p := bpftest.NewProgram()
	process := p.Start(t, append(bracketed(p, call(unix.SYS_WRITE, 1, p.Put(make([]byte, bytes)), bytes)), exit())...)
	tracer := watching(t, process, unix.SYS_WRITE, threshold)
	process.Poke()
	for n := range bytes / 8 {
		if process.HearWord(); n%(page/8) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	before, after := hearBracket(process)
	process.Finish()
	c := wantWatched(t, tracer, bytes, threshold)
	wantWithin(t, c, before, after)
	longest := c.Wait.LongestNs + c.Wait.RunqueueNs
	if lost := after - before - c.DurationNs(); lost > threshold/PiecesOfThreshold+longest+20e6 {
		t.Errorf("%d ns of %d are missing", lost, after-before)
	}
	if c.Wait.Voluntary < 20 {
		t.Errorf("%d waits; want many", c.Wait.Voluntary)
	}
	wantCallbacks(t, tracer, Counters{})
}

// A call that never waits is found by the tick, in every mode that does not
// know its beginning.
func TestACallThatBurnsCPUBeginsWithATick(t *testing.T) {
	const vectors, size, at = 1000, 1 << 21, 0x40000000
	const tick = 10e6 // at most
	for name, opts := range findingModes() {
		if timesAll(opts) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := bpftest.NewProgram()
			var iovecs []uintptr
			for range vectors {
				iovecs = append(iovecs, at, size)
			}
			steps := []bpftest.Step{
				call(unix.SYS_MMAP, at, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED, ^uintptr(0), 0),
				call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), call(unix.SYS_GETPPID).Times(40),
			}
			steps = append(steps, bracketed(p, call(unix.SYS_PREADV, 3, p.Words(iovecs...), vectors, 0, 0))...)
			process := p.Start(t, append(steps, exit())...)
			opts.Sample = map[Mode]int{ModeAccount: 1000}[opts.Mode]
			tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
			setThreshold(t, tracer, unix.SYS_PREADV, 30e6)
			process.Poke()
			before, after := hearBracket(process)
			process.Finish()
			if after-before < 50e6 {
				t.Fatalf("the call took %d ns only: nothing to test", after-before)
			}
			calls := slowCalls(t, tracer)
			if len(calls) == 0 && gaps(t, tracer) {
				return
			}
			if len(calls) != 1 {
				t.Fatalf("%d slow calls; want 1 of %d ns", len(calls), after-before)
			}
			c, w := calls[0], wantWaits(t, calls[0])
			wantWithin(t, c, before, after)
			if lost := after - before - c.DurationNs(); !c.Tick && !c.FirstBlock || lost > 2*tick+w.RunqueueNs {
				t.Errorf("tick %v, first block %v, %d ns of %d missing; want two ticks at most", c.Tick, c.FirstBlock, lost, after-before)
			}
			if c.Ret != vectors*size || w.CPUNs < 10e6 {
				t.Errorf("ret %d, %+v; want %d bytes, and CPU time", c.Ret, w, vectors*size)
			}
		})
	}
}

// readFor is a program that reads from its standard input.
func readFor(t *testing.T, flags uintptr) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	steps := append([]bpftest.Step{p.Handler(unix.SIGUSR1, flags, say), say}, bracketed(p, call(unix.SYS_READ, 0, b, 1))...)
	return p.Start(t, append(steps, exit())...)
}

const pause = 40 * time.Millisecond // a wait that is slow

// hold lets a process that has said that it will wait do so for a while.
func hold(process *bpftest.Process) {
	process.Hear()
	process.AwaitStates("S")
	time.Sleep(pause)
}

// A read that a handler interrupts goes on after it: one call, from its first
// beginning to its last end.
func TestWatchFollowsARestart(t *testing.T) {
	process := readFor(t, saRestart)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	process.Poke()
	hold(process)
	process.Signal(unix.SIGUSR1)
	hold(process)
	process.Poke()
	before, after := hearBracket(process)
	process.Finish()
	wantWithin(t, wantWatched(t, tracer, 1, uint64(2*pause)), before, after)
	wantCallbacks(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// Without SA_RESTART it ends with EINTR, before the handler.
func TestWatchSeesAHandlerEndACall(t *testing.T) {
	process := readFor(t, 0)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	process.Poke()
	hold(process)
	process.Signal(unix.SIGUSR1)
	process.Hear()
	before, after := hearBracket(process)
	process.Finish()
	wantWithin(t, wantWatched(t, tracer, -int64(unix.EINTR), uint64(pause)), before, after)
	wantCallbacks(t, tracer, Counters{Suspended: 1, Interrupted: 1})
}

// A sleep that was stopped goes on as restart_syscall, and has been stopped for
// that time.
func TestWatchFollowsAStoppedCall(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	steps := bracketed(p, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 200e6)))
	process := p.Start(t, append(append([]bpftest.Step{call(unix.SYS_WRITE, 1, b, 1)}, steps...), exit())...)
	tracer := watching(t, process, unix.SYS_CLOCK_NANOSLEEP, 30e6)
	process.Poke()
	hold(process)
	process.Signal(unix.SIGSTOP)
	process.AwaitStates("T")
	time.Sleep(pause)
	process.Signal(unix.SIGCONT)
	before, after := hearBracket(process)
	process.Finish()
	c := wantWatched(t, tracer, 0, 199e6)
	wantWithin(t, c, before, after)
	if c.Wait.StoppedNs < uint64(pause)*9/10 {
		t.Errorf("%d ns stopped; want %v or more", c.Wait.StoppedNs, pause)
	}
	wantCallbacks(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// The call of a thread that is killed in it has no end: that is counted.
func TestWatchCountsACallThatIsKilled(t *testing.T) {
	process := readFor(t, 0)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	process.Poke()
	hold(process)
	process.Kill()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("%d slow calls; want none, since it did not end: %+v", len(calls), calls[0])
	}
	wantCallbacks(t, tracer, Counters{Suspended: 1, Abandoned: 1})
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

// When too many callbacks are to come, one that is missing is counted.
func TestWatchCountsWhatItCannotAskFor(t *testing.T) {
	process := readFor(t, 0)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	t.Cleanup(func() {
		if err := empty[uint64, uint64](tracer.objs.Callbacks); err != nil {
			t.Error(err)
		}
	})
	for key := range uint64(tracer.objs.Callbacks.MaxEntries()) {
		if err := tracer.objs.Callbacks.Put(key, uint64(0)); err != nil {
			t.Fatal(err)
		}
	}
	process.Poke()
	hold(process)
	process.Poke()
	hearBracket(process)
	process.Finish()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("%+v; want none", calls[0])
	}
	if c, err := tracer.Counters(); err != nil || c.CallbacksFailed == 0 || c.Callbacks != 0 {
		t.Errorf("%d callbacks failed, %d were asked for, %v; want some, none", c.CallbacksFailed, c.Callbacks, err)
	}
}

// pipeBytes is the size of a pipe.
const pipeBytes = 16 * 4096

// writer is a process that writes twice as much as a pipe holds.
func writer(t *testing.T) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	return p.Start(t, call(unix.SYS_WRITE, 1, p.Put(make([]byte, 2*pipeBytes)), 2*pipeBytes), exit())
}

// blockTwice lets a writer wait a second time, so that its callback is still to
// come.
func blockTwice(t *testing.T, process *bpftest.Process, tracer *Tracer) {
	t.Helper()
	const page = 4096
	process.Poke()
	process.AwaitStates("S")
	time.Sleep(pause)
	for range page / 8 {
		process.HearWord()
	}
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := tracer.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if c.Callbacks == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no callback was asked for within a minute: %+v", c)
		}
	}
	process.AwaitStates("S")
}

// finishWriter reads the rest of what a writer writes.
func finishWriter(process *bpftest.Process) {
	for range (2*pipeBytes - 4096) / 8 {
		process.HearWord()
	}
	process.Finish()
}

// Programs that are gone when a call ends do not see it, and the thread goes on.
func TestWatchEndsWithCallbacksToCome(t *testing.T) {
	for name, end := range map[string]func(*Tracer) error{
		"detached": (*Tracer).Detach,
		"attached": func(tracer *Tracer) error { return errors.Join(tracer.Detach(), tracer.Attach()) },
	} {
		t.Run(name, func(t *testing.T) {
			process := writer(t)
			tracer := watching(t, process, unix.SYS_WRITE, 30e6)
			blockTwice(t, process, tracer)
			var now unix.Timespec
			if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
				t.Fatal(err)
			}
			if err := end(tracer); err != nil {
				t.Fatal(err)
			}
			finishWriter(process)
			if name == "detached" {
				wantWatched(t, tracer, 2*pipeBytes, uint64(pause))
				return
			}
			for _, c := range slowCalls(t, tracer) { // the machine may be busy
				if c.StartNs < uint64(now.Nano()) {
					t.Errorf("%+v; it began before the attachment", c)
				}
			}
		})
	}
	t.Run("closed", func(t *testing.T) {
		needWatch(t)
		tracer, err := Load(watchMode)
		if err != nil {
			t.Fatal(err)
		}
		process := writer(t)
		setWatched(t, tracer, unix.SYS_WRITE, 30e6)
		if err := errors.Join(tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}}), tracer.Attach()); err != nil {
			t.Fatal(errors.Join(err, tracer.Close()))
		}
		blockTwice(t, process, tracer)
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		finishWriter(process)
	})
}

// A thread that is killed with a callback to come: the write has written something, so
// that it ends before the thread does.
func TestWatchOfAThreadKilledWithACallbackToCome(t *testing.T) {
	process := writer(t)
	tracer := watching(t, process, unix.SYS_WRITE, 30e6)
	blockTwice(t, process, tracer)
	process.Kill()
	wantWatched(t, tracer, pipeBytes+4096, uint64(pause))
	wantCallbacks(t, tracer, Counters{})
}
