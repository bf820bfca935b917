package bpf

import (
	"testing"

	"golang.org/x/sys/unix"
)

// wantCalls wants exactly these rows, in all groups together. The release of
// the process has begun before we looked, so only mode count has a row of it.
func wantCalls(t *testing.T, tracer *watched, want calls) {
	t.Helper()
	if tracer.mode == ModeCount {
		want = want.plus(calls{own(unix.SYS_READV): {1, 0}})
	}
	wantRows(t, tracer, want)
}

// wantRows wants exactly these rows. For each run that the kernel skipped, one call may
// be missing from any of them.
func wantRows(t *testing.T, tracer *watched, want calls) {
	t.Helper()
	got, skipped := counted(t, tracer), tracer.skipped(t)
	for sc, w := range want {
		if !got[sc].isShortOf(w, skipped) {
			t.Errorf("%v %d: %d calls, %d errors; want %d, %d, with %d runs skipped", sc.ABI, sc.Nr, got[sc].calls, got[sc].errors, w.calls, w.errors, skipped)
		}
	}
	for sc, g := range got {
		if _, wanted := want[sc]; !wanted && !(standsForAnother(sc) && g.calls <= skipped) {
			t.Errorf("%v %d: %d calls, %d errors; want no row, with %d runs skipped", sc.ABI, sc.Nr, g.calls, g.errors, skipped)
		}
	}
	if n, all := got.sum(), want.sum(); n > all || n+skipped < all {
		t.Errorf("%d calls in all; want %d, less at most the %d runs skipped", n, all, skipped)
	}
}

// isShortOf says whether there are as many calls as wanted, less at most one for each run
// that was skipped. So it is with errors; but where the end of a call and the beginning of
// the thread's next one were skipped, the end of that one is taken for the first one's.
func (got tally) isShortOf(want tally, skipped uint64) bool {
	return got.calls <= want.calls && got.calls+skipped >= want.calls &&
		got.errors <= want.errors+skipped/2 && got.errors+skipped >= want.errors
}

// standsForAnother: so a call is called of which a run was skipped, the end before its
// restart, or the beginning of its signal's handler.
func standsForAnother(sc Syscall) bool { return trapTraits[sc]&TraitRestart != 0 || sc.Nr == NrUnknown }

func (c calls) sum() (n uint64) {
	for _, row := range c {
		n += row.calls
	}
	return n
}

// counted are all rows, of all ABIs, groups and CPUs.
func counted(t *testing.T, tracer *watched) calls {
	t.Helper()
	got := calls{}
	err := tracer.EachRow(tracer.Interval(), func(key RowKey, row Row) {
		sum := got[key.Syscall]
		got[key.Syscall] = tally{sum.calls + row.Count, sum.errors + row.Errors}
		if tracer.mode == ModeCount && (row.Timed > row.Count || (row.Timed == 0) != (row.TotalNs == 0)) {
			t.Errorf("%v: %d of %d calls timed, %d ns in mode count", key, row.Timed, row.Count, row.TotalNs)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// totalNs is the time of a syscall, in all rows.
func totalNs(t *testing.T, tracer *watched, sc Syscall) (ns uint64) {
	t.Helper()
	err := tracer.EachRow(tracer.Interval(), func(key RowKey, row Row) {
		if key.Syscall == sc {
			ns += row.TotalNs
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// What is one too many, or in the wrong row, is found however many runs were skipped.
func TestWhatSkippedRunsExcuse(t *testing.T) {
	for _, c := range []struct {
		got, want tally
		skipped   uint64
		isShort   bool
	}{
		{tally{10, 2}, tally{10, 2}, 0, true}, {tally{9, 2}, tally{10, 2}, 0, false}, {tally{11, 2}, tally{10, 2}, 5, false},
		{tally{9, 1}, tally{10, 2}, 1, true}, {tally{8, 2}, tally{10, 2}, 1, false}, {tally{10, 0}, tally{10, 2}, 1, false},
		{tally{10, 3}, tally{10, 2}, 1, false}, {tally{10, 3}, tally{10, 2}, 2, true},
	} {
		if got := c.got.isShortOf(c.want, c.skipped); got != c.isShort {
			t.Errorf("%+v for %+v, %d skipped: %v; want %v", c.got, c.want, c.skipped, got, c.isShort)
		}
	}
}
