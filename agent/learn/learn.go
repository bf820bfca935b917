// Package learn finds out what is usual: from which duration on a call of a unit is
// slow, by what its calls took in the last hours. It is pure: the caller says what
// time it is, and what the calls of an interval took.
package learn

import (
	"slices"
	"time"

	"github.com/syscountd/syscountd/agent/histogram"
)

// Options say how thresholds follow from what was seen.
type Options struct {
	Floor    time.Duration // no threshold is lower
	Multiple int           // of the usual quantile
	Quantile float64       // 0 to 1
	Window   time.Duration // what counts as usual
}

// Key is whose calls of what.
type Key struct{ Unit, Syscall string }

const (
	// parts of a window: each gives one quantile. The usual one is their median, so that
	// trouble has to last for half of the window before it is usual.
	parts = 24
	// minParts have to be over before a threshold is known.
	minParts = 3
	// minCalls in a part: with fewer a quantile is only the longest of a few calls.
	minCalls = 100
	// MaxRows bounds the table: 1.5 KB each.
	MaxRows = 4096
)

// Table is what was learned. It is for one goroutine; its zero value knows nothing.
type Table struct {
	rows   map[Key]*row
	missed uint64
}

// row is what was learned of one key.
type row struct {
	threshold time.Duration // 0: not known yet
	past      []uint64      // quantiles of the parts that are over, in ns, the newest last
	seen      time.Time     // when it had calls for the last time

	began   time.Time // of the running part
	running histogram.Histogram
	calls   uint64 // in it
	longest uint64 // ns
}

// Observe takes the durations of one key's calls in an interval that ends now; longest is the
// longest of them in ns.
func (t *Table) Observe(o Options, now time.Time, key Key, durations *histogram.Histogram, longest uint64) {
	r := t.rowOf(now, key, o.Window)
	if r == nil {
		t.missed++
		return
	}
	r.seen = now
	r.running.Merge(durations)
	r.calls += durations.Count()
	r.longest = max(r.longest, longest)
	part := o.Window / parts
	if now.Before(r.began) || now.Sub(r.began) > 2*o.Window { // the clock was set
		r.began = now
	}
	if now.Sub(r.began) < part || r.calls < minCalls {
		return
	}
	if r.past = append(r.past, r.running.Quantile(o.Quantile, 0, r.longest)); len(r.past) > parts {
		r.past = slices.Delete(r.past, 0, len(r.past)-parts)
	}
	r.began, r.running, r.calls, r.longest = now, histogram.Histogram{}, 0, 0
	r.adjust(o)
}

// rowOf is the key's row; nil if the table is full of others that are in use.
func (t *Table) rowOf(now time.Time, key Key, window time.Duration) *row {
	if r, known := t.rows[key]; known {
		return r
	}
	if len(t.rows) >= MaxRows {
		t.forget(now, window)
	}
	if len(t.rows) >= MaxRows {
		return nil
	}
	if t.rows == nil {
		t.rows = map[Key]*row{}
	}
	r := &row{began: now, seen: now}
	t.rows[key] = r
	return r
}

// forget drops what had no calls for a window.
func (t *Table) forget(now time.Time, window time.Duration) {
	for key, r := range t.rows {
		if now.Sub(r.seen) > window {
			delete(t.rows, key)
		}
	}
}

// adjust follows what is usual, but not each small step: a threshold that is other in every
// interval explains nothing.
func (r *row) adjust(o Options) {
	if len(r.past) < minParts {
		return
	}
	target := max(time.Duration(o.Multiple)*time.Duration(median(r.past)), o.Floor)
	if r.threshold == 0 || target > r.threshold*5/4 || target < r.threshold*2/3 {
		r.threshold = target
	}
}

func median(values []uint64) uint64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// Threshold is from what duration on a call is not usual any more; 0 while that is not
// known. It is never below the floor, also when that has been raised since.
func (t *Table) Threshold(o Options, key Key) time.Duration {
	r, known := t.rows[key]
	if !known || r.threshold == 0 {
		return 0
	}
	return max(r.threshold, o.Floor)
}

// Known are the thresholds that are known.
func (t *Table) Known(o Options) map[Key]time.Duration {
	known := map[Key]time.Duration{}
	for key := range t.rows {
		if d := t.Threshold(o, key); d > 0 {
			known[key] = d
		}
	}
	return known
}

// Missed counts the intervals of keys that found no place in the table.
func (t *Table) Missed() uint64 { return t.missed }
