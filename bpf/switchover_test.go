package bpf

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// base is what the tracer of these tests was loaded with.
var base = modes["account"]

// circle are the modes in an order in which each is followed by each other one once:
// twelve changes.
func circle(t *testing.T) []Options {
	t.Helper()
	a, s, c := base, modes["sampled"], modes["count"]
	w := base
	w.Mode = ModeWatch
	if !HasTaskWork() {
		return []Options{a, s, a, c, s, c, a}
	}
	return []Options{a, s, a, c, a, w, s, c, s, w, c, w, a}
}

func nameOf(o Options) string {
	if o.Mode == ModeAccount && o.Sample > 1 {
		return "sampled"
	}
	return map[Mode]string{ModeAccount: "account", ModeCount: "count", ModeWatch: "watch"}[o.Mode]
}

// changes runs a test for each change of mode.
func changes(t *testing.T, test func(t *testing.T, from, to Options)) {
	t.Helper()
	modes := circle(t)
	for i, to := range modes[1:] {
		from := modes[i]
		t.Run(nameOf(from)+" to "+nameOf(to), func(t *testing.T) { test(t, from, to) })
	}
}

func switchTo(t *testing.T, tracer *Tracer, to Options) {
	t.Helper()
	before, err := monotonicNow()
	if err != nil {
		t.Fatal(err)
	}
	at, err := tracer.Switch(to)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := monotonicNow(); err != nil || at < before || at > after {
		t.Errorf("the mode changed at %d, %v; want between %d and %d", at, err, before, after)
	}
	want := map[Mode]string{ModeAccount: "tp_btf/sys_enter tp_btf/sys_exit", ModeCount: "tp_btf/sys_exit", ModeWatch: "tp_btf/sched_switch"}[to.Mode]
	if got := tracer.Attachment(); got != want {
		t.Errorf("attached to %q; want %q", got, want)
	}
}

// switching is a tracer in the first mode, which finds the slow calls of a process.
func switching(t *testing.T, process *bpftest.Process, first Options, thresholds map[int32]uint64) *watched {
	t.Helper()
	tracer := shared.borrow(t, base)
	t.Cleanup(func() {
		_, err := tracer.Switch(base)
		if err := errors.Join(tracer.Detach(), err); err != nil {
			t.Error(err)
		}
	})
	setting := func(sc Syscall) Setting {
		s := settingOfTraps(sc)
		if ns, named := thresholds[sc.Nr]; named && sc == own(sc.Nr) {
			s.ThresholdNs = ns
		}
		return s
	}
	_, err := tracer.Switch(first)
	err = errors.Join(err, tracer.SetSyscalls(setting), tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}}), tracer.Attach())
	if err != nil {
		t.Fatal(err)
	}
	return &watched{tracer}
}

// wantSums wants every event to be accounted for when no process of the test is left,
// but for one with each run that the kernel skipped, or event that it left out.
func wantSums(t *testing.T, tracer *watched) Counters {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	skipped := tracer.skipped(t) + c.SwitchesMissed
	for what, sum := range map[string][2]uint64{
		"beginnings": {c.Enter + c.Unstamped, c.Matched + c.Suspended + c.Died + c.Overwritten + c.Refiltered + c.HandedOver},
		"ends":       {c.Exit, c.Matched + c.Suspended + c.ExitWithoutEnter + c.Refiltered},
		"restarts":   {c.Suspended, c.Resumed + c.Interrupted + c.Abandoned},
		"callbacks":  {c.Callbacks, c.Returned + c.Astray + c.CallbacksDied + c.Voided},
		"losses":     {0, c.Negative + c.StorageFailed + c.RowsFailed + c.RingFull + c.CallbacksFailed + c.Astray + c.Overwritten},
	} {
		if max(sum[0], sum[1])-min(sum[0], sum[1]) > skipped {
			t.Errorf("%s: %d and %d do not add up: %+v", what, sum[0], sum[1], c)
		}
	}
	if open, err := tracer.OpenCalls(); err != nil || open > skipped {
		t.Errorf("%d open calls, %v; want none", open, err)
	}
	return c
}

// found are the slow calls of a process that has ended, and the bracket of its caller.
type found struct {
	calls         []*SlowCall
	before, after uint64
}

func oneOf(t *testing.T, tracer *watched, process *bpftest.Process) found {
	t.Helper()
	before, after := hearBracket(process)
	process.Finish()
	return found{slowCalls(t, tracer.Tracer), before, after}
}

// wantOneOf wants one slow call, inside of its caller's bracket. Nil: there is none, but the
// kernel skipped runs, and the call may be in one. Nothing excuses two.
func wantOneOf(t *testing.T, tracer *watched, f found, ret int64) *SlowCall {
	t.Helper()
	if len(f.calls) == 0 && gaps(t, tracer.Tracer) {
		return nil
	}
	if len(f.calls) != 1 {
		t.Fatalf("%d slow calls; want 1 of %d ns: %+v", len(f.calls), f.after-f.before, wantSums(t, tracer))
	}
	c := f.calls[0]
	wantWithin(t, c, f.before, f.after)
	if c.Ret != ret || c.Stuck {
		t.Errorf("ret %d, stuck %v; want %d", c.Ret, c.Stuck, ret)
	}
	wantWaits(t, c)
	return c
}

// wantOne is both.
func wantOne(t *testing.T, tracer *watched, ret int64, process *bpftest.Process) *SlowCall {
	t.Helper()
	return wantOneOf(t, tracer, oneOf(t, tracer, process), ret)
}

// A call that waits while the mode changes is found once, with all of its wait, and
// from its entry if that was seen.
func TestACallThatWaitsOverAChangeOfMode(t *testing.T) {
	changes(t, func(t *testing.T, from, to Options) {
		process := readFor(t, 0)
		tracer := switching(t, process, from, map[int32]uint64{unix.SYS_READ: 30e6})
		process.Poke()
		hold(process)
		switchTo(t, tracer.Tracer, to)
		time.Sleep(pause)
		process.Poke()
		c := wantOne(t, tracer, 1, process)
		if c == nil {
			return
		}
		if (c.DurationNs() < uint64(2*pause) || c.Wait.SleepNs < uint64(2*pause)*9/10) && !gaps(t, tracer.Tracer) {
			t.Errorf("%d ns, %+v; want %v of sleep", c.DurationNs(), c.Wait, 2*pause)
		}
		if timesAll(from) && c.FirstBlock || from.Mode != ModeAccount && !c.FirstBlock && !c.Tick {
			t.Errorf("from its first block: %v", c.FirstBlock)
		}
		wantSums(t, tracer)
	})
}

// It is the same call to those who look for calls that do not return: from the same
// moment on.
func TestACallIsStuckOverAChangeOfMode(t *testing.T) {
	changes(t, func(t *testing.T, from, to Options) {
		process := readFor(t, 0)
		tracer := switching(t, process, from, map[int32]uint64{unix.SYS_READ: 30e6})
		process.Poke()
		hold(process)
		stuck := func() uint64 {
			t.Helper()
			if _, err := tracer.Sweep(30 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			calls := slowCalls(t, tracer.Tracer)
			if len(calls) != 1 || !calls[0].Stuck || calls[0].Nr != unix.SYS_READ {
				t.Fatalf("%+v; want the read, stuck", calls)
			}
			return calls[0].StartNs
		}
		before := stuck()
		switchTo(t, tracer.Tracer, to)
		if after := stuck(); after != before {
			t.Errorf("stuck since %d, and since %d after the change", before, after)
		}
		switchTo(t, tracer.Tracer, from)
		if after := stuck(); after != before {
			t.Errorf("stuck since %d, and since %d after both changes", before, after)
		}
		process.Poke()
		if c := wantOne(t, tracer, 1, process); c != nil && c.StartNs != before {
			t.Errorf("since %d; was stuck since %d", c.StartNs, before)
		}
	})
}

// So is one that burns CPU meanwhile: from its entry, or a tick, in the mode before.
func TestACallThatBurnsCPUOverAChangeOfMode(t *testing.T) {
	changes(t, func(t *testing.T, from, to Options) {
		for range 10 {
			if burnsOver(t, from, to) {
				return
			}
		}
		t.Error("ten calls had ended before the mode changed: nothing was tested")
	})
}

// burnsOver is false if the call ended before the change: the machine may be busy.
func burnsOver(t *testing.T, from, to Options) bool {
	t.Helper()
	process, bytes := burner(t)
	tracer := switching(t, process, from, map[int32]uint64{unix.SYS_PREADV: 25e6})
	process.Poke()
	process.Hear()
	time.Sleep(pause)
	before, err := monotonicNow()
	if err != nil {
		t.Fatal(err)
	}
	switchTo(t, tracer.Tracer, to)
	c := wantOne(t, tracer, bytes, process)
	if c == nil {
		return true
	}
	if c.EndNs < before {
		return false
	}
	if c.StartNs > before-uint64(pause)/2 && !gaps(t, tracer.Tracer) {
		t.Errorf("since %d ns before the change; want most of %v", int64(before-c.StartNs), pause)
	}
	wantSums(t, tracer)
	return true
}

// stoppedSleeper is a process that sleeps, says when that was, and waits to be poked
// once more: so it has a state as long as the test wants to know it.
func stoppedSleeper(t *testing.T, ns uintptr) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	b := p.Words(0)
	steps := bracketed(p, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, ns)))
	steps = append([]bpftest.Step{call(unix.SYS_WRITE, 1, b, 1)}, steps...)
	return p.Start(t, append(steps, call(unix.SYS_READ, 0, b, 1), exit())...)
}

// stoppedOver stops a sleep of 400 ms, before or while the mode changes. False: it had
// ended by then, since the machine is busy.
func stoppedOver(t *testing.T, from, to Options, goesOn bool) bool {
	t.Helper()
	process := stoppedSleeper(t, 400e6)
	tracer := switching(t, process, from, map[int32]uint64{unix.SYS_CLOCK_NANOSLEEP: 30e6})
	process.Poke()
	hold(process)
	process.Signal(unix.SIGSTOP)
	process.AwaitStates("T")
	if goesOn {
		process.Signal(unix.SIGCONT)
		process.AwaitStates("S")
	}
	switchTo(t, tracer.Tracer, to)
	if !goesOn {
		process.Signal(unix.SIGCONT)
	}
	process.Poke()
	calls, c := oneOf(t, tracer, process), wantSums(t, tracer)
	if c.Suspended == 0 || c.Abandoned > 0 {
		return false
	}
	if call := wantOneOf(t, tracer, calls, 0); call != nil && call.DurationNs() < 380e6 && !gaps(t, tracer.Tracer) { // less what it did before its first block, which takes its time where the machine is emulated
		t.Errorf("%d ns; want 400 ms", call.DurationNs())
	}
	if c.Resumed != c.Suspended && !gaps(t, tracer.Tracer) {
		t.Errorf("%d restarts, %d resumed; want as many", c.Suspended, c.Resumed)
	}
	return true
}

// A sleep that is stopped while the mode changes goes on with restart_syscall; and one
// goes on already.
func TestACallThatIsStoppedOverAChangeOfMode(t *testing.T) {
	for name, goesOn := range map[string]bool{"stopped": false, "goes on": true} {
		t.Run(name, func(t *testing.T) {
			changes(t, func(t *testing.T, from, to Options) {
				for range 10 {
					if stoppedOver(t, from, to, goesOn) {
						return
					}
				}
				t.Error("ten calls had ended before they were stopped, or did not wait any more: nothing was tested")
			})
		})
	}
}

// The read of a thread that has slept since before the change is interrupted after it.
func TestACallThatIsInterruptedAfterAChangeOfMode(t *testing.T) {
	changes(t, func(t *testing.T, from, to Options) {
		process := readFor(t, saRestart)
		tracer := switching(t, process, from, map[int32]uint64{unix.SYS_READ: 30e6})
		process.Poke()
		hold(process)
		switchTo(t, tracer.Tracer, to)
		process.Signal(unix.SIGUSR1)
		hold(process)
		switchTo(t, tracer.Tracer, from)
		process.Poke()
		c := wantOne(t, tracer, 1, process)
		if c != nil && c.DurationNs() < uint64(2*pause) && !gaps(t, tracer.Tracer) {
			t.Errorf("%d ns; want %v or more", c.DurationNs(), 2*pause)
		}
		wantSums(t, tracer)
	})
}

// A thread that is killed in its call has none that is slow, however long it has waited, and
// is accounted for.
func TestACallThatIsKilledAfterAChangeOfMode(t *testing.T) {
	changes(t, func(t *testing.T, from, to Options) {
		process := readFor(t, 0)
		tracer := switching(t, process, from, map[int32]uint64{unix.SYS_READ: 30e6})
		process.Poke()
		hold(process)
		switchTo(t, tracer.Tracer, to)
		process.Kill()
		if calls := slowCalls(t, tracer.Tracer); len(calls) != 0 {
			t.Errorf("%d slow calls; want none, since it did not end: %+v", len(calls), calls[0])
		}
		c := wantSums(t, tracer)
		if (c.Suspended != 1 || c.Abandoned != 1) && !gaps(t, tracer.Tracer) {
			t.Errorf("%d calls suspended, %d abandoned; want the read: %+v", c.Suspended, c.Abandoned, c)
		}
	})
}

// A change that is not possible changes nothing.
func TestSwitchRefusesWhatTheMapsAreNotFor(t *testing.T) {
	process := readFor(t, 0)
	tracer := switching(t, process, base, nil)
	for name, next := range map[string]Options{
		"groups": {GroupBy: GroupByComm, Rows: base.Rows}, "rows": {GroupBy: base.GroupBy, Rows: 1},
		"waits": {GroupBy: base.GroupBy, Rows: base.Rows, NoWaits: true},
	} {
		if _, err := tracer.Switch(next); err == nil || tracer.mode != ModeAccount {
			t.Errorf("%s: error %v, mode %d", name, err, tracer.mode)
		}
	}
	noWaits := Options{NoWaits: true}
	if !noWaits.SwitchesTo(Options{NoWaits: true, Mode: ModeCount}) || noWaits.SwitchesTo(Options{NoWaits: true, Mode: ModeWatch}) {
		t.Error("mode watch needs the waits, mode count does not")
	}
	next := base
	next.Mode = ModeWatch
	if _, err := tracer.Switch(next); HasTaskWork() != (err == nil) {
		t.Errorf("task work %v, to mode watch: %v", HasTaskWork(), err)
	}
}
