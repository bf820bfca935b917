package incident

import (
	"math"
	"slices"
	"time"
)

// incident is an open one.
type incident struct {
	Snapshot
	threads map[uint32]bool // by TID: whether it is stuck; maxVictim at most
	last    time.Duration   // the last call, or end of one, was seen

	told  uint64        // the size that the last event told
	since time.Duration // when that was
	gap   time.Duration // that must pass until the next
	news  bool          // something was observed since
}

// begin opens an incident whose examples have been written.
func (b *Book) begin(key Key, examples []example) *incident {
	b.lastID++
	in := &incident{threads: map[uint32]bool{}, gap: firstGap}
	in.ID, in.Key, in.First, in.Began = b.lastID, key, examples[0].at, examples[0].at
	b.open[key] = in
	for _, e := range examples {
		b.count(in, e.at, e.call)
	}
	return in
}

// fold counts a call that has no record of its own.
func (b *Book) fold(in *incident, now time.Duration, c Call) {
	b.count(in, now, c)
	in.FoldedWorstNs = max(in.FoldedWorstNs, c.DurationNs)
	if c.Stuck {
		in.FoldedStuck++
		return
	}
	in.Folded++
	in.FoldedNs = add(in.FoldedNs, c.DurationNs)
}

func (b *Book) count(in *incident, now time.Duration, c Call) {
	in.last, in.Last, in.news = now, now, true
	in.Began = min(in.Began, begin(now, c.DurationNs))
	in.WorstNs = max(in.WorstNs, c.DurationNs)
	if !c.Stuck {
		in.Calls++
		in.TotalNs = add(in.TotalNs, c.DurationNs)
	}
	if len(in.PIDs) < maxPIDs && !slices.Contains(in.PIDs, c.PID) {
		in.PIDs = append(in.PIDs, c.PID)
	}
	if c.Path != "" && len(in.Paths) < maxPaths && !slices.Contains(in.Paths, c.Path) {
		in.Paths = append(in.Paths, c.Path)
	}
	b.victim(in, c)
}

// victim keeps the thread in mind, as far as there is room.
func (b *Book) victim(in *incident, c Call) {
	wasStuck, known := in.threads[c.TID]
	if !known {
		if len(in.threads) >= maxVictim || b.threads >= maxTotal {
			in.VictimsAtLeast = true
			return
		}
		in.threads[c.TID] = false
		in.Victims++
		b.threads++
	}
	if c.Stuck && !wasStuck {
		in.threads[c.TID] = true
		in.Stuck++
		b.stuck[c.TID] = in
	}
}

// endStuck takes note that a thread makes another call than the one in which it
// was stuck, or that this one has returned, wherever it was counted.
func (b *Book) endStuck(now time.Duration, c Call) []Event {
	in := b.stuck[c.TID]
	if in == nil || c.Stuck && in.Key == c.key() {
		return nil
	}
	if b.overdue(in, now) {
		return []Event{b.close(in, Quiet)}
	}
	b.unstick(in, c.TID)
	in.last = now
	return nil
}

func (b *Book) unstick(in *incident, tid uint32) {
	delete(b.stuck, tid)
	in.threads[tid] = false
	in.Stuck--
	in.news = true
}

func (b *Book) close(in *incident, why Reason) Event {
	delete(b.open, in.Key)
	b.threads -= len(in.threads)
	for tid, stuck := range in.threads {
		if stuck {
			delete(b.stuck, tid)
		}
	}
	if why == Evicted {
		b.evicted++
	}
	return Event{Change: Closed, Reason: why, Snapshot: in.snapshot()}
}

// event tells the incident as it is, and plans the next update.
func (in *incident) event(change Change, now time.Duration) Event {
	if change == Updated {
		in.gap = min(2*in.gap, maxGap)
	}
	in.told, in.since, in.news = in.size(), now, false
	return Event{Change: change, Snapshot: in.snapshot()}
}

// size is what grows: calls that returned and calls that have not.
func (in *incident) size() uint64 { return in.Calls + uint64(in.Stuck) }

// nextUpdate is when an update is due, as things are.
func (in *incident) nextUpdate() (time.Duration, bool) {
	switch {
	case !in.news:
		return 0, false
	case in.size()/growth >= in.told:
		return in.since + in.gap, true
	}
	return in.since + longest, true
}

func (in *incident) updateDue(now time.Duration) bool {
	at, planned := in.nextUpdate()
	return planned && now >= at
}

func (in *incident) snapshot() Snapshot {
	s := in.Snapshot
	s.PIDs, s.Paths = slices.Clone(s.PIDs), slices.Clone(s.Paths)
	return s
}

// begin is when something began that took so long by now; no time is earlier
// than the clock's first.
func begin(now time.Duration, ns uint64) time.Duration {
	if ns > math.MaxInt64 || now < math.MinInt64+time.Duration(ns) {
		return math.MinInt64
	}
	return now - time.Duration(ns)
}

// add stays at the largest number.
func add(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}
