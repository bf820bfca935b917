package stress

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// audit holds the records of a run against each other.
type audit struct {
	seq       uint64
	intervals int
	changes   map[record.Change]int

	sum     tally          // of all interval records
	open    tally          // of the summaries since the last one of these
	timed   uint64         // calls in the histograms of all summaries
	untimed []string       // summaries without any time
	ended   uint64         // calls that had ended by the balance of the last interval
	last    record.Balance // of the last interval
	began   time.Time      // the same
	final   bool
	slow    int

	drops   map[string]uint64
	excused uint64 // largest gap that the events between two looks explain
	cpuNs   uint64

	calibration uint64 // calls that the service made to measure what one costs

	processes uint64 // most in an interval
}

// tally is what records count.
type tally struct{ calls, errors, totalNs uint64 }

func (a *tally) add(calls, errors, totalNs uint64) {
	a.calls += calls
	a.errors += errors
	a.totalNs += totalNs
}

// line takes one record in.
func (a *audit) line(t *testing.T, line []byte) {
	recordtest.Validate(t, line)
	var head record.Header
	if !decode(t, line, &head) {
		return
	}
	// A gap is a lost record, and the sums below would miss it.
	if head.Seq != a.seq+1 {
		t.Errorf("record %d follows record %d", head.Seq, a.seq)
	}
	a.seq = head.Seq
	switch head.Event {
	case record.EventSummary:
		var s record.Summary
		if decode(t, line, &s) {
			a.summary(&s)
		}
	case record.EventInterval:
		var i record.Interval
		if decode(t, line, &i) {
			a.interval(t, &i)
		}
	case record.EventState:
		var s record.State
		if decode(t, line, &s) {
			a.state(&s)
		}
	case record.EventSlow:
		a.slow++
	case record.EventLog:
		t.Errorf("the service complains: %s", line)
	}
}

func decode(t *testing.T, line []byte, into any) bool {
	if err := json.Unmarshal(line, into); err != nil {
		t.Errorf("%v: %s", err, line)
		return false
	}
	return true
}

func (a *audit) state(s *record.State) {
	if a.changes == nil {
		a.changes = map[record.Change]int{}
	}
	a.changes[s.Change]++
}

func (a *audit) summary(s *record.Summary) {
	a.open.add(s.Count, s.Errors, s.TotalNs)
	for _, n := range s.Histogram.Counts {
		a.timed += n
	}
	if len(s.Histogram.Counts) == 0 {
		a.untimed = append(a.untimed, s.Msg)
	}
}

// explained are the counters that say what has become of a call that is still
// counted: rows_overflowed is in the row "other", and a suppressed call is in
// its row and was held back by the policy's own limits. switches_missed is the kernel's:
// what a call lost by it, `overwritten` says.
var explained = []string{"rows_overflowed", "suppressed", "switches_missed"}

func (a *audit) interval(t *testing.T, i *record.Interval) {
	a.intervals++
	a.processes = max(a.processes, i.Groups)
	ended, err := time.Parse(time.RFC3339Nano, i.Time)
	if err != nil {
		t.Errorf("interval %d ends at %q: %v", a.intervals, i.Time, err)
	}
	a.began = ended.Add(-time.Duration(i.IntervalNs))
	a.cpuNs += i.Cost.CPUNs
	a.calibration += i.Cost.CalibrationCalls
	a.drop(t, i)
	a.balance(t, i)
	if got := (tally{i.Count, i.Errors, i.TotalNs}); got != a.open {
		t.Errorf("interval %d: its summaries have %+v; it has %+v", a.intervals, a.open, got)
	}
	a.open = tally{}
	a.sum.add(i.Count, i.Errors, i.TotalNs)
	a.rows(t, i)
}

// drop adds the losses up; only explained ones are allowed.
func (a *audit) drop(t *testing.T, i *record.Interval) {
	if a.drops == nil {
		a.drops = map[string]uint64{}
	}
	for name, n := range i.Drops {
		a.drops[name] += n
		switch {
		case n == 0, slices.Contains(explained, name), name == missed && runsPreemptibly():
		default:
			t.Errorf("interval %d: %s is %d; want 0: %s", a.intervals, name, n, i.Msg)
		}
	}
	for _, name := range []string{"storage_failed", "rows_failed", "overwritten", "negative", "ring_full", missed} {
		if _, ok := i.Drops[name]; !ok {
			t.Errorf("interval %d has no counter %s: zero and missing are not the same", a.intervals, name)
		}
	}
}

// balance: the residual has to be 0. While calls go on it leaves out what the
// events between two looks at the counters explain: see gap.
func (a *audit) balance(t *testing.T, i *record.Interval) {
	b := *i.Balance
	a.last, a.final = b, i.Final
	misses := a.drops[missed]
	if b.Residual > misses {
		t.Errorf("interval %d: the residual is %d: %+v", a.intervals, b.Residual, b)
	}
	a.excused = max(a.excused, gap(b))
}

// gap is what the equations of a balance miss, whatever the reason. It has to be 0
// where nothing moves any more.
func gap(b record.Balance) uint64 {
	return max(
		distance(b.Enter+b.Unstamped, b.Matched+b.Restarted+b.Died+b.InFlight+b.Overwritten+b.Refiltered+b.HandedOver),
		distance(b.Exit, b.Matched+b.Restarted+b.ExitWithoutEnter+b.Refiltered))
}

// still is the last balance of a service that observed a load alone, which has
// ended.
func (a *audit) still(t *testing.T) {
	t.Helper()
	if gap(a.last) > a.drops[missed] || a.last.InFlight != 0 {
		t.Errorf("nothing moves any more, and the balance is off by %d, with %d calls in flight: %+v", gap(a.last), a.last.InFlight, a.last)
	}
}

// rows: they hold all calls that have ended, but those that the service made to measure
// what a call costs. An interval's rows are read before
// its balance, so that they may lack calls of the moment between, and have at
// least those of the balance before. In the final one nothing moves.
func (a *audit) rows(t *testing.T, i *record.Interval) {
	ended := i.Balance.Matched + i.Balance.Interrupted - a.calibration
	switch {
	case a.sum.calls < a.ended || a.sum.calls > ended:
		t.Errorf("interval %d: %d calls in the rows until now; want %d to %d", a.intervals, a.sum.calls, a.ended, ended)
	case i.Final && a.sum.calls != ended:
		t.Errorf("%d calls in the rows of all intervals; %d have ended", a.sum.calls, ended)
	}
	a.ended = ended
}

// close is the end of the books.
func (a *audit) close(t *testing.T) {
	t.Helper()
	if !a.final {
		t.Error("the service wrote no final interval")
	}
	// Over all intervals only: a row that is read while it is written may have its
	// call in this interval and the call's time in the next.
	if a.timed != a.sum.calls {
		t.Errorf("%d calls were counted, and %d timed", a.sum.calls, a.timed)
	}
	for _, msg := range a.untimed {
		t.Errorf("calls without a time: %s", msg)
	}
	t.Logf("%d intervals, %d calls (%d failed), %d slow records, at most %d processes in an interval, %.1f s of CPU time",
		a.intervals, a.sum.calls, a.sum.errors, a.slow, a.processes, float64(a.cpuNs)/1e9)
	t.Logf("balance %+v", a.last)
	t.Logf("largest gap between two looks at the counters: %d events", a.excused)
	for _, name := range slices.Sorted(maps.Keys(a.drops)) {
		if n := a.drops[name]; n != 0 {
			t.Logf("%s: %d", name, n)
		}
	}
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

const missed = "recursion_misses"

// runsPreemptibly: since Linux 7.2 the kernel may skip our programs, and says
// how often: see docs/decisions.md.
func runsPreemptibly() bool {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return false
	}
	return atLeast(unix.ByteSliceToString(uts.Release[:]), 7, 2)
}
