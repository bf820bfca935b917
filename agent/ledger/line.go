package ledger

import (
	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

// Key names a line. Group is the one that the rows were posted to: those of
// several of the kernel's groups may share a line.
type Key struct {
	Group   bpf.Group
	Syscall bpf.Syscall
}

// Line is what happened to a group's calls of a syscall in an interval.
type Line struct {
	Key
	Count, Errors uint64
	Timed         uint64 // of Count, the calls whose time was taken: all below is of these. Mode count: those that left the CPU
	TotalNs       uint64
	MinNs, MaxNs  uint64
	bars          sparse

	readings int32 // that belong to it
	interval uint32
	family   *family
	waits    bool // for the order of Top
}

// Lines are those of one interval, in no order.
type Lines []*Line

// Histogram adds the line's durations to a histogram.
func (l *Line) Histogram(into *histogram.Histogram) { l.bars.dense(into) }

// clear takes out what has happened.
func (l *Line) clear() {
	*l = Line{Key: l.Key, bars: l.bars[:0], readings: l.readings, family: l.family}
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
// may have a call in the one and not in the other. Of a single call the total is both.
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
	if l.Timed == 1 {
		only := clamp(l.TotalNs, first)
		return only, only
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
