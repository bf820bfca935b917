package bpf

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// replaceable is an attached tracer whose programs a test replaces. Whoever borrows it next finds it as that left it.
type replaceable struct {
	*watched
	counted calls // in rows that are gone
}

func newReplaceable(t *testing.T, opts Options) *replaceable {
	t.Helper()
	tracer := shared.borrow(t, opts)
	nobody := Filter{Comms: []string{"syscount-nobody"}}
	if err := errors.Join(tracer.SetSyscalls(settingOfTraps), tracer.SetFilter(nobody), tracer.Attach()); err != nil {
		t.Fatal(err)
	}
	return &replaceable{&watched{tracer}, calls{}}
}

// findReads observes a process, and finds its slow reads.
func (r *replaceable) findReads(t *testing.T, process *bpftest.Process) {
	t.Helper()
	if err := errors.Join(r.nameCalls(), r.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})); err != nil {
		t.Fatal(err)
	}
}

// nameCalls lets only these be observed; all, if none is named. Reads of 30 ms are slow.
func (r *replaceable) nameCalls(named ...int32) error {
	return r.SetSyscalls(func(sc Syscall) Setting {
		s := settingOfTraps(sc)
		if sc == own(unix.SYS_READ) {
			s.ThresholdNs = 30e6
		}
		if len(named) > 0 {
			s.Traits &^= TraitObserved
		}
		for _, nr := range named {
			if sc == own(nr) {
				s.Traits |= TraitObserved
			}
		}
		return s
	})
}

func (r *replaceable) replace(t *testing.T, next Options) {
	t.Helper()
	var at uint64
	before, err := monotonicNow()
	if err != nil {
		t.Fatal(err)
	}
	same := r.opts.SameRows(next)
	err = r.Replace(next, func(ns uint64) {
		at = ns
		// They take the count of their skipped runs along. A sum below 0 is one modulo 2^64.
		shared.before[r.Tracer] -= missesOf(t, r.Tracer)
		if !same {
			r.take(t)
		}
	})
	if err != nil {
		t.Fatalf("to %+v: %v", next, err)
	}
	if after, err := monotonicNow(); err != nil || at < before || at > after {
		t.Errorf("replaced at %d, %v; want between %d and %d", at, err, before, after)
	}
	if next = next.normal(); r.Options() != next {
		t.Errorf("options %+v; want %+v", r.Options(), next)
	}
}

// take adds the rows of now to those that are gone.
func (r *replaceable) take(t *testing.T) {
	t.Helper()
	wantRowsOnce(t, r.Tracer)
	for sc, n := range counted(t, r.watched) {
		was := r.counted[sc]
		r.counted[sc] = tally{was.calls + n.calls, was.errors + n.errors}
	}
}

// wantRowsOnce wants each row once, and of a group as the programs make it that added to it.
func wantRowsOnce(t *testing.T, tracer *Tracer) {
	t.Helper()
	times := map[RowKey]int{}
	err := tracer.EachRow(tracer.Interval(), func(key RowKey, _ Row) {
		times[key]++
		if times[key] == 2 {
			t.Errorf("row %+v is there twice", key)
		}
		if hasPID := key.PID != 0; hasPID != (tracer.groupBy == GroupByProcess && key.ID != 0) {
			t.Errorf("row %+v where groups are %d", key, tracer.groupBy)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// between gives the first of two options, from which a test starts, and the second. Where a load is dear, that may be
// the other way round: what another test has left is not loaded again.
func between(first, second Options) (from, to Options) {
	if dear && !shared.has(first) && shared.has(second) {
		return second, first
	}
	return first, second
}

// replacements are changes that need other programs, from the first on, in an order in which each mode and
// each group has its turn.
// Where a load is dear, the one from which most follows: other groups, and beginnings or none.
func replacements() (from Options, all []Options) {
	if dear {
		from, to := between(base, Options{GroupBy: GroupByNone, Mode: ModeCount})
		return from, []Options{to}
	}
	all = []Options{
		{GroupBy: GroupByComm, Rows: 4096}, {GroupBy: GroupByComm, Rows: 4096, NoWaits: true}, {GroupBy: GroupByNone},
		{GroupBy: GroupByCgroup, Rows: 4096, Sample: 16}, {GroupBy: GroupByProcess, Rows: 4096, Mode: ModeCount},
		{GroupBy: GroupByNone, Mode: ModeCount}, {GroupBy: GroupByProcess, Rows: 4096},
	}
	if HasTaskWork() {
		all = append(all, Options{GroupBy: GroupByComm, Rows: 4096, Mode: ModeWatch}, Options{GroupBy: GroupByNone, Mode: ModeWatch})
	}
	return base, append(all, base)
}

func nameOfReplacement(o Options) string {
	return fmt.Sprintf("%s by %d, waits %v", nameOf(o), o.GroupBy, !o.NoWaits)
}

// wantOneRead wants one slow read, and gives it; nil where the kernel has skipped runs.
func wantOneRead(t *testing.T, tracer *replaceable, process *bpftest.Process, atLeast time.Duration) *SlowCall {
	t.Helper()
	f := oneOf(t, tracer.watched, process)
	if len(f.calls) != 1 && gaps(t, tracer.Tracer) {
		return nil
	}
	if len(f.calls) != 1 {
		t.Fatalf("%d slow calls; want 1: %+v", len(f.calls), wantSums(t, tracer.watched))
	}
	c := f.calls[0]
	wantWithin(t, c, f.before, f.after)
	if c.DurationNs() < uint64(atLeast) || c.Ret != 1 {
		t.Errorf("%d ns, ret %d; want %v or more, and 1", c.DurationNs(), c.Ret, atLeast)
	}
	return c
}

// A call that is open while other programs come is told once, with all of its time.
func TestACallThatWaitsOverAReplacement(t *testing.T) {
	from, all := replacements()
	tracer := newReplaceable(t, from)
	for _, to := range all {
		t.Run(nameOfReplacement(from)+" to "+nameOfReplacement(to), func(t *testing.T) {
			process := readFor(t, 0)
			tracer.findReads(t, process)
			process.Poke()
			hold(process)
			tracer.replace(t, to)
			time.Sleep(pause)
			process.Poke()
			c := wantOneRead(t, tracer, process, 2*pause)
			if c == nil {
				return
			}
			if known := !from.NoWaits && !to.NoWaits; known != (c.Wait != nil) {
				t.Errorf("waits %+v; want them: %v", c.Wait, known)
			} else if known {
				wantWaits(t, c)
			}
			wantSums(t, tracer.watched)
		})
		from = to
	}
}

// A read that a handler interrupts again and again goes on, whichever programs see it.
func TestACallThatIsInterruptedDuringReplacements(t *testing.T) {
	from, to := between(base, Options{GroupBy: GroupByComm, Rows: 4096})
	others := []Options{to, base, {GroupBy: GroupByNone}, base}
	if dear {
		others = others[:1]
	}
	process := readFor(t, saRestart)
	tracer := newReplaceable(t, from)
	tracer.findReads(t, process)
	process.Poke()
	hold(process)
	ended, interrupted := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-ended:
				interrupted <- n
				return
			default:
				process.Signal(unix.SIGUSR1)
				process.Hear() // its handler
				if n++; dear {
					time.Sleep(5 * time.Millisecond) // they are to load meanwhile
				}
			}
		}
	}()
	for _, to := range others {
		tracer.replace(t, to)
	}
	close(ended)
	n := <-interrupted
	process.Poke()
	wantOneRead(t, tracer, process, pause)
	if skipped := tracer.skipped(t); skipped > 0 {
		t.Logf("the kernel skipped %d runs: each may cost the calls around a signal their place", skipped)
		return
	}
	c := wantSums(t, tracer.watched)
	if c.Suspended != c.Resumed && !gaps(t, tracer.Tracer) {
		t.Errorf("%d restarts, %d resumed, of %d interruptions", c.Suspended, c.Resumed, n)
	}
	t.Logf("%d interruptions, %d restarts", n, c.Suspended)
}

// It is the same call to those who look for calls that do not return.
func TestACallIsStuckOverAReplacement(t *testing.T) {
	from, all := replacements()
	process := readFor(t, 0)
	tracer := newReplaceable(t, from)
	tracer.findReads(t, process)
	process.Poke()
	hold(process)
	var since uint64
	for i, to := range append([]Options{from}, all...) {
		if i > 0 {
			tracer.replace(t, to)
		}
		if _, err := tracer.Sweep(30 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		stuck := slowCalls(t, tracer.Tracer)
		if len(stuck) != 1 || !stuck[0].Stuck || since != 0 && stuck[0].StartNs != since {
			t.Fatalf("%s: %+v; want the read, stuck since %d", nameOfReplacement(to), stuck, since)
		}
		since = stuck[0].StartNs
	}
	process.Poke()
	if c := wantOneRead(t, tracer, process, pause); c != nil && c.StartNs != since {
		t.Errorf("%+v; want one since %d", c, since)
	}
	wantSums(t, tracer.watched)
}

// What cannot be loaded leaves what was.
func TestAReplacementThatFailsChangesNothing(t *testing.T) {
	process := readFor(t, 0)
	tracer := newReplaceable(t, base)
	tracer.findReads(t, process)
	held := len(bpfFDs(t))
	process.Poke()
	hold(process)
	next := base
	next.Rows = 1 << 31 // of 656 bytes: more than a map may have
	if err := tracer.Replace(next, func(uint64) { t.Error("it ended") }); err == nil {
		t.Fatal("no error")
	}
	if now := len(bpfFDs(t)); now != held || !tracer.Options().Same(base) {
		t.Errorf("%d descriptors, were %d; options %+v", now, held, tracer.Options())
	}
	process.Poke()
	wantOneRead(t, tracer, process, pause)
	wantSums(t, tracer.watched)
}
