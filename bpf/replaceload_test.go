package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// timedOnes are replacements in mode account, after which all calls are counted. With fewer rows, others are near.
var timedOnes = []Options{
	{GroupBy: GroupByComm, Rows: 4096}, {GroupBy: GroupByNone}, {GroupBy: GroupByProcess, Rows: 4096, NoWaits: true},
	{GroupBy: GroupByProcess, Rows: 256}, {GroupBy: GroupByCgroup, Rows: 4096, Sample: 16},
}

// loadWhile is a load that lasts for some replacements; where calls are few and programs load slowly, for one or two.
func loadWhile(t *testing.T, p *bpftest.Program) ([]bpftest.Step, calls) {
	t.Helper()
	if dear {
		return migrating(t, p, 2, 3*loadCalls(t))
	}
	return migrating(t, p, 4, loadCalls(t))
}

// replaceWhile replaces as long as a load of so many calls goes on.
func replaceWhile(t *testing.T, tracer *replaceable, load uint64, next func(i int) Options) (times int) {
	t.Helper()
	most := 4 // where the kernel skips runs, so many calls may never be counted
	if dear {
		most = 2
	}
	for {
		c, err := tracer.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if c.Matched >= load-load/8 || times == most {
			return times
		}
		tracer.replace(t, next(times))
		times++
	}
}

// Each call of many threads is counted once while other programs come again and again,
// and no loss is told.
func TestLoadIsCountedExactlyOverReplacements(t *testing.T) {
	p := bpftest.NewProgram()
	steps, want := loadWhile(t, p)
	process := p.Start(t, steps...)
	from, to := between(base, timedOnes[0])
	tracer := newReplaceable(t, from)
	tracer.findReads(t, process)
	process.Poke()
	times := replaceWhile(t, tracer, want.sum(), func(i int) Options {
		if i == 0 {
			return to
		}
		return timedOnes[i%len(timedOnes)]
	})
	process.Finish()
	tracer.take(t)
	wantTaken(t, tracer, want)
	if times == 0 {
		t.Error("the load had ended before: nothing was tested")
	}
	t.Logf("%d calls over %d replacements", want.sum(), times)
}

// wantTaken wants these calls in all rows that there were, and no loss.
func wantTaken(t *testing.T, tracer *replaceable, want calls) {
	t.Helper()
	c := wantSums(t, tracer.watched)
	if tracer.skipped(t)+c.SwitchesMissed > 0 {
		t.Logf("the kernel skipped %d runs, and left out %d events", tracer.skipped(t), c.SwitchesMissed)
		return
	}
	for sc, n := range want {
		if got := tracer.counted[sc]; got != n {
			t.Errorf("%+v: %+v; want %+v", sc, got, n)
		}
	}
	if c.Undrained+c.Overwritten > 0 {
		t.Errorf("losses: %+v", c)
	}
}

// The same where a few calls come to be followed by their functions and back, and all
// but these are left out meanwhile.
func TestLoadIsCountedExactlyBetweenFunctionsAndTracepoints(t *testing.T) {
	p := bpftest.NewProgram()
	steps, want := loadWhile(t, p)
	process := p.Start(t, steps...)
	tracer := newReplaceable(t, base)
	tracer.findReads(t, process)
	if err := tracer.nameCalls(unix.SYS_OPENAT); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	openat := own(unix.SYS_OPENAT)
	times := replaceWhile(t, tracer, want[openat].calls, func(i int) Options {
		return Options{GroupBy: base.GroupBy, Rows: base.Rows, Only: []string{fileCalls, ""}[i%2]}
	})
	process.Finish()
	tracer.take(t)
	wantTaken(t, tracer, calls{openat: want[openat]})
	t.Logf("%d calls over %d replacements; %s", want[openat].calls, times, tracer.Attachment())
}
