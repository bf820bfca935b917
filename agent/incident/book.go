// Package incident makes one incident of many slow calls that have the same
// cause: when a file system hangs, five hundred threads of a unit are slow at the
// same place in the kernel, and five hundred records would say one thing. The
// first few have records of their own, as complete examples; the others are
// counted, and events tell their number, worst, total and time.
//
// A Book only decides. It has no clock: the caller says what time it is.
package incident

import (
	"cmp"
	"slices"
	"time"
)

const (
	// An incident is more than so many calls of one key within a window. The
	// window is as long as the quiet that closes one: what would close at a lower
	// rate is not opened by it, and a stall whose calls return one per second is
	// found as well as one whose calls return together.
	defaultExamples = 5
	defaultWindow   = 10 * time.Second

	// A thread that is stuck is reported again every ten minutes at the latest.
	// An incident with one is closed when it has been silent for twice that: then
	// somebody forgot to say that it ended.
	stuckQuiet = 20 * time.Minute

	// An update is written when the incident has become four times as large, and
	// every ten minutes while it goes on; but never before a gap has passed, which
	// doubles from one second to one minute. So a stall of 500 threads has at most
	// three updates in its first ten minutes, however they return: with five
	// examples, the opening and the end that is ten records.
	growth    = 4
	firstGap  = time.Second
	maxGap    = time.Minute
	longest   = 10 * time.Minute
	maxPIDs   = 5
	maxPaths  = 3
	maxOpen   = 256  // incidents
	maxKeys   = 1024 // keys that may become one
	maxVictim = 4096 // threads of one incident
	maxTotal  = 1 << 16
)

// Book keeps the incidents. The zero Book is ready; it is for one goroutine.
// Its memory is bounded: about 3 MiB for threads, 1 MiB for keys, and at most 3 MiB
// for the paths of their examples.
type Book struct {
	Examples int           // calls with records of their own before an incident; 0: five
	Window   time.Duration // in which they must come, and after which all is quiet; 0: ten seconds
	Burst    int           // incidents that may begin at once; 0: 64

	last       time.Duration // the latest now
	lastID     uint64
	open       map[Key]*incident
	candidates map[Key]*candidate
	stuck      map[uint32]*incident // by TID: whose thread it is
	threads    int                  // that are kept in mind, of all incidents
	evicted    uint64
	openings   allowance
	updates    allowance
}

// Observe decides about a call that is slow or stuck, and says what there is to
// write about incidents, in this order and before the call. now is on a
// monotonic clock of any origin; a time before the last one counts as that.
func (b *Book) Observe(now time.Duration, c Call) (Decision, []Event) {
	now = b.advance(now)
	c.Path = clip(c.Path)
	events := b.endStuck(now, c)
	key := c.key()
	in := b.open[key]
	if in != nil && b.overdue(in, now) {
		events = append(events, b.close(in, Quiet))
		in = nil
	}
	if in != nil {
		b.fold(in, now, c)
		return Fold, events
	}
	cand := b.candidate(key)
	if !cand.add(now, b.window(), b.examples(), c) || !b.openings.take(now, b.burst()) {
		return Write, events
	}
	delete(b.candidates, key)
	if len(b.open) >= maxOpen {
		events = append(events, b.close(b.quietest(), Evicted))
	}
	in = b.begin(key, cand.recent)
	b.fold(in, now, c)
	return Fold, append(events, in.event(Opened, now))
}

// Ended says that a stuck thread is stuck no more, and that no slow call will
// be observed for it: it died, or its call was not slow after all.
func (b *Book) Ended(now time.Duration, tid uint32) {
	now = b.advance(now)
	if in := b.stuck[tid]; in != nil {
		b.unstick(in, tid)
		in.last = now
	}
	for _, c := range b.candidates {
		c.ended(tid)
	}
}

// Tick says what is to be written because time has passed, oldest incident
// first.
func (b *Book) Tick(now time.Duration) []Event {
	now = b.advance(now)
	var events []Event
	for _, in := range b.byID() {
		switch {
		case b.overdue(in, now):
			events = append(events, b.close(in, Quiet))
		case !in.updateDue(now):
		case !b.updates.take(now, b.burst()):
			in.since = now // to be told after its gap
		default:
			events = append(events, in.event(Updated, now))
		}
	}
	b.forgetCandidates(now)
	return events
}

// Next is how long after now Tick has something to do if nothing is observed
// until then: 0 for never, and never less than a nanosecond else.
func (b *Book) Next(now time.Duration) time.Duration {
	now = max(now, b.last)
	var next time.Duration
	for _, in := range b.open {
		at := in.last + b.quiet(in)
		if update, planned := in.nextUpdate(); planned {
			at = min(at, update)
		}
		wait := max(at-now, 1)
		if next == 0 || wait < next {
			next = wait
		}
	}
	return next
}

// Flush closes all incidents, oldest first, and forgets everything but the
// last ID.
func (b *Book) Flush(now time.Duration) []Event {
	b.advance(now)
	var events []Event
	for _, in := range b.byID() {
		events = append(events, b.close(in, Flushed))
	}
	b.candidates = nil
	return events
}

// Open is the number of open incidents.
func (b *Book) Open() int { return len(b.open) }

// Counts says whether a thread is stuck in an open incident: then its events tell
// of it, whether the call was an example or not.
func (b *Book) Counts(tid uint32) bool { return b.stuck[tid] != nil }

// Evicted is how many incidents were closed because there were too many.
func (b *Book) Evicted() uint64 { return b.evicted }

func (b *Book) advance(now time.Duration) time.Duration {
	if b.open == nil {
		b.open, b.stuck = map[Key]*incident{}, map[uint32]*incident{}
		b.last = now
	}
	b.last = max(b.last, now)
	return b.last
}

func (b *Book) examples() int {
	if b.Examples < 1 {
		return defaultExamples
	}
	return b.Examples
}

func (b *Book) burst() int {
	if b.Burst < 1 {
		return defaultBurst
	}
	return b.Burst
}

func (b *Book) window() time.Duration {
	if b.Window <= 0 {
		return defaultWindow
	}
	return b.Window
}

// quiet is how long an incident stays open without a call.
func (b *Book) quiet(in *incident) time.Duration {
	if in.Stuck > 0 {
		return max(stuckQuiet, b.window())
	}
	return b.window()
}

func (b *Book) overdue(in *incident, now time.Duration) bool { return now-in.last >= b.quiet(in) }

// quietest is the incident whose last call is the longest ago.
func (b *Book) quietest() *incident {
	return slices.MinFunc(b.byID(), func(x, y *incident) int { return cmp.Compare(x.last, y.last) })
}

func (b *Book) byID() []*incident {
	all := make([]*incident, 0, len(b.open))
	for _, in := range b.open {
		all = append(all, in)
	}
	slices.SortFunc(all, func(x, y *incident) int { return cmp.Compare(x.ID, y.ID) })
	return all
}
