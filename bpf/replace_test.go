package bpf

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// replaceable is a tracer of a test's own, attached, which finds the slow calls of a
// process. Its rows are added up over all replacements.
type replaceable struct {
	*watched
	counted calls // in rows that are gone
}

func newReplaceable(t *testing.T, process *bpftest.Process, opts Options, thresholds map[int32]uint64) *replaceable {
	t.Helper()
	tracer, err := Load(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tracer.Close(); err != nil {
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
	if err := errors.Join(tracer.SetSyscalls(setting), tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}}), tracer.Attach()); err != nil {
		t.Fatal(err)
	}
	return &replaceable{&watched{tracer}, calls{}}
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
	for sc, n := range counted(t, r.watched) {
		was := r.counted[sc]
		r.counted[sc] = tally{was.calls + n.calls, was.errors + n.errors}
	}
}

// replacements are changes that need other programs, in an order in which each mode and
// each group has its turn.
func replacements() []Options {
	all := []Options{
		{GroupBy: GroupByComm, Rows: 4096}, {GroupBy: GroupByComm, Rows: 4096, NoWaits: true}, {GroupBy: GroupByNone},
		{GroupBy: GroupByCgroup, Rows: 4096, Sample: 16}, {GroupBy: GroupByProcess, Rows: 4096, Mode: ModeCount},
		{GroupBy: GroupByNone, Mode: ModeCount}, {GroupBy: GroupByProcess, Rows: 4096},
	}
	if HasTaskWork() {
		all = append(all, Options{GroupBy: GroupByComm, Rows: 4096, Mode: ModeWatch}, Options{GroupBy: GroupByNone, Mode: ModeWatch})
	}
	return append(all, base)
}

func nameOfReplacement(o Options) string {
	return fmt.Sprintf("%s by %d, waits %v", nameOf(o), o.GroupBy, !o.NoWaits)
}

// A call that is open while other programs come is told once, with all of its time.
func TestACallThatWaitsOverAReplacement(t *testing.T) {
	from := base
	for _, to := range replacements() {
		t.Run(nameOfReplacement(from)+" to "+nameOfReplacement(to), func(t *testing.T) {
			process := readFor(t, 0)
			tracer := newReplaceable(t, process, from, map[int32]uint64{unix.SYS_READ: 30e6})
			process.Poke()
			hold(process)
			tracer.replace(t, to)
			time.Sleep(pause)
			process.Poke()
			f := oneOf(t, tracer.watched, process)
			if len(f.calls) != 1 && gaps(t, tracer.Tracer) {
				return
			}
			if len(f.calls) != 1 {
				t.Fatalf("%d slow calls; want 1: %+v", len(f.calls), wantSums(t, tracer.watched))
			}
			c := f.calls[0]
			wantWithin(t, c, f.before, f.after)
			if c.DurationNs() < uint64(2*pause) || c.Ret != 1 {
				t.Errorf("%d ns, ret %d; want %v or more, and 1", c.DurationNs(), c.Ret, 2*pause)
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

// It is the same call to those who look for calls that do not return.
func TestACallIsStuckOverAReplacement(t *testing.T) {
	process := readFor(t, 0)
	tracer := newReplaceable(t, process, base, map[int32]uint64{unix.SYS_READ: 30e6})
	process.Poke()
	hold(process)
	var since uint64
	for _, to := range append([]Options{base}, replacements()...) {
		if !tracer.Options().Same(to) {
			tracer.replace(t, to)
		}
		if err := tracer.Sweep(30 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		stuck := slowCalls(t, tracer.Tracer)
		if len(stuck) != 1 || !stuck[0].Stuck || since != 0 && stuck[0].StartNs != since {
			t.Fatalf("%s: %+v; want the read, stuck since %d", nameOfReplacement(to), stuck, since)
		}
		since = stuck[0].StartNs
	}
	process.Poke()
	if f := oneOf(t, tracer.watched, process); len(f.calls) != 1 || f.calls[0].StartNs != since {
		t.Errorf("%+v; want one call since %d", f.calls, since)
	}
	wantSums(t, tracer.watched)
}

// Each call of many threads is counted once while other programs come again and again,
// and no loss is told.
func TestLoadIsCountedExactlyOverReplacements(t *testing.T) {
	p := bpftest.NewProgram()
	steps, want := migrating(t, p, 4, loadCalls(t)/4)
	process := p.Start(t, steps...)
	tracer := newReplaceable(t, process, base, nil)
	process.Poke()
	timed := []Options{
		{GroupBy: GroupByComm, Rows: 4096}, {GroupBy: GroupByComm, Rows: 4096, NoWaits: true}, {GroupBy: GroupByNone},
		{GroupBy: GroupByCgroup, Rows: 4096, Sample: 16}, base,
	}
	for range 2 {
		for _, next := range timed {
			tracer.replace(t, next)
		}
	}
	process.Finish()
	tracer.take(t)
	c := wantSums(t, tracer.watched)
	t.Logf("%+v", c)
	for sc, n := range want {
		if got := tracer.counted[sc]; got != n && tracer.skipped(t) == 0 {
			t.Errorf("%+v: %+v; want %+v", sc, got, n)
		}
	}
}

// What cannot be loaded or attached leaves what was.
func TestAReplacementThatFailsChangesNothing(t *testing.T) {
	process := readFor(t, 0)
	tracer := newReplaceable(t, process, base, map[int32]uint64{unix.SYS_READ: 30e6})
	held := len(bpfFDs(t))
	process.Poke()
	hold(process)
	next := base
	next.Rows = 1 << 30 // more than the kernel gives
	if err := tracer.Replace(next, func(uint64) { t.Error("it ended") }); err == nil {
		t.Fatal("no error")
	}
	if now := len(bpfFDs(t)); now != held || !tracer.Options().Same(base) {
		t.Errorf("%d descriptors, were %d; options %+v", now, held, tracer.Options())
	}
	process.Poke()
	wantOne(t, tracer.watched, 1, process)
	wantSums(t, tracer.watched)
}
