// Package stuck decides which of the calls that have not returned are to be
// reported, and when, and which of the reported ones are over. It has no clock
// and asks no kernel: a sweep hands it what is open, and the time.
package stuck

import (
	"cmp"
	"slices"
	"time"
)

const (
	// maxTracked bounds the memory: the reported calls that are kept in mind, at
	// about 100 bytes each.
	maxTracked = 10_000

	// A call is reported again after as long as it took to its first report, then
	// after twice that, and so on, but at least this often and no more often than
	// that.
	maxGap = 10 * time.Minute
	minGap = time.Second

	// A call must be missing in that many sweeps, one after the other, before it
	// counts as over: its slow record may still be on its way when the first one
	// misses it.
	missedSweeps = 2
)

// Key is one call of one thread. The start of the process tells a reused TID
// from the old one, the start of the call one call from the next.
type Key struct {
	TID            uint32
	ProcessStartNs uint64 // CLOCK_BOOTTIME
	StartNs        uint64 // CLOCK_MONOTONIC
}

// Report is a call that is to be reported now.
type Report struct {
	Key
	Age     time.Duration
	Reports uint32 // how many, with this one
}

// Ended is a reported call that is over, and had no slow record.
type Ended struct {
	Key
	Age     time.Duration // when it was last seen
	Reports uint32        // how many there were
}

// Result is what a sweep asks for, each list with the oldest call first.
type Result struct {
	Report []Report
	Ended  []Ended
	// Untracked calls were old enough, but there are too many: they were not
	// reported. Those that began first go before.
	Untracked int
}

// Tracker keeps the reported calls in mind. The zero Tracker is ready; it is
// for one goroutine.
type Tracker struct {
	calls    map[Key]*call
	overflow uint64 // calls that were not tracked, at least
	before   int    // Untracked of the last sweep
}

// call is a reported call.
type call struct {
	reports uint32
	age     time.Duration // when it was last seen
	due     time.Duration // the age at which it is reported again
	gap     time.Duration // between that and the report before
	missed  int           // sweeps, one after the other
	sweep   bool          // seen in the running sweep
}

// Sweep takes all calls that are open, in any order, and decides. after is the
// age at which a call is stuck; 0 and less: none is, and none is reported any
// more. now is on the clock of StartNs. Between the look at the calls and Sweep
// there must be no Closes, or a call that it closed is reported anew.
func (t *Tracker) Sweep(now, after time.Duration, open []Key) Result {
	var result Result
	fresh := t.look(now, after, open, &result)
	result.Ended = t.missing()
	t.admit(fresh, &result)
	slices.SortFunc(result.Report, func(a, b Report) int { return compare(a.Key, b.Key) })
	return result
}

// Closes says that a call has a slow record now. It is true when the call had
// been reported: then the record is the end of that, and no Ended will come.
func (t *Tracker) Closes(k Key) bool {
	_, found := t.calls[k]
	delete(t.calls, k)
	return found
}

// Len is the number of reported calls that are not over.
func (t *Tracker) Len() int { return len(t.calls) }

// Overflow is how many calls were not reported because there were too many. It
// is a lower bound: they are told apart by their number only.
func (t *Tracker) Overflow() uint64 { return t.overflow }

// look goes through the open calls: those that are tracked are reported when it
// is time, those that are not and are old enough are returned.
func (t *Tracker) look(now, after time.Duration, open []Key, result *Result) []Report {
	var fresh []Report
	for _, k := range open {
		age := ageOf(k, now)
		c := t.calls[k]
		switch {
		case c == nil && after > 0 && age >= after:
			fresh = append(fresh, Report{Key: k, Age: age, Reports: 1})
		case c != nil && !c.sweep:
			c.sweep, c.missed, c.age = true, 0, max(c.age, age)
			if after > 0 && age >= c.due {
				c.again(age)
				result.Report = append(result.Report, Report{Key: k, Age: age, Reports: c.reports})
			}
		}
	}
	if len(t.calls)+len(fresh) > maxTracked {
		slices.SortFunc(fresh, func(a, b Report) int { return compare(a.Key, b.Key) })
	}
	return fresh
}

// missing gives the tracked calls that have been missed often enough, and
// forgets them.
func (t *Tracker) missing() []Ended {
	var ended []Ended
	for k, c := range t.calls {
		if c.sweep {
			c.sweep = false
			continue
		}
		if c.missed++; c.missed >= missedSweeps {
			ended = append(ended, Ended{Key: k, Age: c.age, Reports: c.reports})
			delete(t.calls, k)
		}
	}
	slices.SortFunc(ended, func(a, b Ended) int { return compare(a.Key, b.Key) })
	return ended
}

// admit tracks and reports calls for the first time, as far as there is room.
func (t *Tracker) admit(fresh []Report, result *Result) {
	untracked := map[Key]bool{} // a call may be in the list twice
	for _, r := range fresh {
		if t.calls[r.Key] != nil {
			continue
		}
		if len(t.calls) >= maxTracked {
			untracked[r.Key] = true
			continue
		}
		if t.calls == nil {
			t.calls = map[Key]*call{}
		}
		c := &call{age: r.Age, gap: r.Age / 2}
		c.again(r.Age)
		t.calls[r.Key] = c
		result.Report = append(result.Report, r)
	}
	result.Untracked = len(untracked)
	t.overflow += uint64(max(result.Untracked-t.before, 0))
	t.before = result.Untracked
}

// again sets when the next report is due, after one at this age.
func (c *call) again(age time.Duration) {
	c.reports++
	c.gap = min(max(2*c.gap, minGap), maxGap)
	c.due = max(age+c.gap, age) // an age of 292 years cannot grow
}

// ageOf is 0 for a call that began after now was read.
func ageOf(k Key, now time.Duration) time.Duration {
	if now < 0 || k.StartNs > uint64(now) {
		return 0
	}
	return now - time.Duration(k.StartNs)
}

func compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.StartNs, b.StartNs), cmp.Compare(a.TID, b.TID), cmp.Compare(a.ProcessStartNs, b.ProcessStartNs))
}
