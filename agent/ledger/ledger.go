// Package ledger turns the kernel's growing rows, one per group, syscall and
// CPU, into what happened in an interval, one line per group and syscall.
package ledger

import (
	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

// Ledger remembers what each row held when it was last read. It is not safe
// for concurrent use.
type Ledger struct {
	last map[bpf.RowKey]*reading
}

// reading is a row as it was.
type reading struct {
	count, errors, timed, totalNs uint64
	bars                          sparse
}

// New returns an empty ledger, for rows that begin at zero.
func New() *Ledger { return &Ledger{last: map[bpf.RowKey]*reading{}} }

// Key names a line. Group is what the caller's naming made of the kernel's
// group: rows whose groups have the same name share a line.
type Key struct {
	Group   string
	Syscall bpf.Syscall
}

// Line is what happened to a group's calls of a syscall in an interval.
type Line struct {
	Key
	Count, Errors uint64
	Timed         uint64 // of Count, the calls whose time was taken: all below is of these
	TotalNs       uint64
	MinNs, MaxNs  uint64
	bars          sparse
}

// Histogram adds the line's durations to a histogram.
func (l *Line) Histogram(into *histogram.Histogram) { l.bars.dense(into) }

// Lines are those of one interval.
type Lines map[Key]*Line

// Post enters one row as the kernel holds it now and adds what is new since it
// was last posted to the line of its group. The row of a group that is gone
// is forgotten with Forget.
func (l *Ledger) Post(lines Lines, group string, key bpf.RowKey, row bpf.Row) {
	was := l.last[key]
	if was == nil {
		was = &reading{}
		l.last[key] = was
	}
	if row.Count == was.count {
		return
	}
	line := lines.line(Key{group, key.Syscall})
	line.Count += row.Count - was.count
	line.Errors += row.Errors - was.errors
	line.Timed += row.Timed - was.timed
	line.TotalNs += row.TotalNs - was.totalNs
	line.extend(row.MinNs, row.MaxNs)
	was.bars.catchUp(row.Histogram, line.bars.add)
	was.count, was.errors, was.timed, was.totalNs = row.Count, row.Errors, row.Timed, row.TotalNs
}

// Peek is Post without remembering: a look at the interval while it runs.
func (l *Ledger) Peek(lines Lines, group string, key bpf.RowKey, row bpf.Row) {
	was := l.last[key]
	peek := Ledger{last: map[bpf.RowKey]*reading{}}
	if was != nil {
		copied := *was
		copied.bars = append(sparse(nil), was.bars...)
		peek.last[key] = &copied
	}
	peek.Post(lines, group, key, row)
}

// Forget drops a row that was deleted in the kernel.
func (l *Ledger) Forget(key bpf.RowKey) { delete(l.last, key) }

// Rows is the number of rows that the ledger remembers.
func (l *Ledger) Rows() int { return len(l.last) }

func (lines Lines) line(key Key) *Line {
	line := lines[key]
	if line == nil {
		line = &Line{Key: key}
		lines[key] = line
	}
	return line
}

// extend widens the extremes. A row that was read between its count and its
// extremes may have none yet.
func (l *Line) extend(minNs, maxNs uint64) {
	if maxNs == 0 {
		return
	}
	if l.MaxNs == 0 || minNs < l.MinNs {
		l.MinNs = minNs
	}
	l.MaxNs = max(l.MaxNs, maxNs)
}

// Extremes are the shortest and longest call in ns, held inside the outermost
// buckets of the line's histogram h: a row that was read while it was written
// may have a call in the one and not in the other.
func (l *Line) Extremes(h *histogram.Histogram) (minNs, maxNs uint64) {
	first, last := -1, -1
	for slot, n := range h {
		if n != 0 && first < 0 {
			first = slot
		}
		if n != 0 {
			last = slot
		}
	}
	if first < 0 {
		return l.MinNs, l.MaxNs
	}
	return clamp(l.MinNs, first), clamp(l.MaxNs, last)
}

func clamp(ns uint64, slot int) uint64 {
	lo, hi := histogram.Bounds(slot)
	switch {
	case float64(ns) < lo:
		return uint64(lo) + 1
	case float64(ns) > hi:
		return uint64(hi)
	}
	return ns
}
