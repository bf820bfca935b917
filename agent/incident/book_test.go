package incident

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// call is a slow fsync of a thread that is its own process.
func call(unit string, tid uint32, duration time.Duration) Call {
	return Call{Unit: unit, Syscall: "fsync", Site: "request_wait_answer", PID: tid, TID: tid, DurationNs: uint64(duration)}
}

// play lets calls happen, and the Book tick exactly when it asks for it.
type play struct {
	t       *testing.T
	book    Book
	now     time.Duration
	written int
	folded  int
	events  []Event
}

// until lets time pass.
func (p *play) until(now time.Duration) {
	p.t.Helper()
	for ticks := 0; ; ticks++ {
		wait := p.book.Next(p.now)
		if wait == 0 || p.now+wait > now {
			p.now = max(p.now, now)
			return
		}
		if ticks > 100_000 {
			p.t.Fatal("the Book wants to tick for ever")
		}
		p.now += wait
		p.events = append(p.events, p.book.Tick(p.now)...)
	}
}

func (p *play) observe(now time.Duration, c Call) {
	p.t.Helper()
	p.until(now)
	decision, events := p.book.Observe(p.now, c)
	p.events = append(p.events, events...)
	if decision == Fold {
		p.folded++
	} else {
		p.written++
	}
}

// end lets everything become quiet.
func (p *play) end() {
	p.t.Helper()
	p.until(p.now + time.Hour)
	if p.book.Open() != 0 || p.book.Next(p.now) != 0 {
		p.t.Errorf("%d incidents are left, next tick in %v", p.book.Open(), p.book.Next(p.now))
	}
}

func (p *play) closed() []Snapshot {
	var all []Snapshot
	for _, e := range p.events {
		if e.Change == Closed {
			all = append(all, e.Snapshot)
		}
	}
	return all
}

func (p *play) records() int { return p.written + len(p.events) }

// The demand: however the calls of a stalled file system's 500 victims come,
// there are ten records at most, and they name 500.
func TestStallOf500Threads(t *testing.T) {
	spread := map[string]func(i int) time.Duration{
		"all at once":           func(int) time.Duration { return 30 * sec },
		"within 50 ms":          func(i int) time.Duration { return 30*sec + time.Duration(i)*100*time.Microsecond },
		"one after 10 ms":       func(i int) time.Duration { return 30*sec + time.Duration(i)*10*ms },
		"one after 100 ms":      func(i int) time.Duration { return 30*sec + time.Duration(i)*100*ms },
		"one after a second":    func(i int) time.Duration { return 30*sec + time.Duration(i)*sec },
		"in bursts of 50":       func(i int) time.Duration { return 30*sec + time.Duration(i/50)*8*sec },
		"slower and slower":     func(i int) time.Duration { return 30*sec + time.Duration(i*i)*2*ms },
		"faster and faster":     func(i int) time.Duration { return time.Hour - time.Duration((500-i)*(500-i))*ms/2 },
		"the first long before": func(i int) time.Duration { return time.Duration(min(i, 1))*time.Hour + time.Duration(i)*ms },
	}
	for name, at := range spread {
		for _, units := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d units", name, units), func(t *testing.T) {
				p := &play{t: t}
				for i := range 500 {
					for u := range units {
						p.observe(at(i), call(fmt.Sprintf("%d.service", u), uint32(1000*u+i), at(i)))
					}
				}
				p.end()
				closed := p.closed()
				if len(closed) != units {
					t.Fatalf("%d incidents, want %d", len(closed), units)
				}
				for _, s := range closed {
					want := 500
					if name == "the first long before" { // another stall
						want = 499
					}
					if s.Victims != want || s.Calls != uint64(want) || s.Stuck != 0 || s.VictimsAtLeast {
						t.Errorf("closed with %+v", s)
					}
				}
				if limit := 10*units + units*btoi(name == "the first long before"); p.records() > limit {
					t.Errorf("%d records (%d calls, %d events), want at most %d", p.records(), p.written, len(p.events), limit)
				}
			})
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The same, with the stuck reports that come before the calls return.
func TestStallOf500StuckThreads(t *testing.T) {
	for name, hangs := range map[string]time.Duration{"15 s": 15 * sec, "5 min": 5 * time.Minute, "9 min": 9 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			p := &play{t: t}
			for age := 10 * sec; age < hangs; age *= 2 { // as package stuck reports them
				for i := range 500 {
					c := call("a.service", uint32(i), age)
					c.Stuck = true
					p.observe(age, c)
				}
			}
			if n := p.book.Open(); n != 1 {
				t.Fatalf("%d incidents while stuck", n)
			}
			for i := range 500 {
				p.observe(hangs+time.Duration(i)*10*ms, call("a.service", uint32(i), hangs+time.Duration(i)*10*ms))
			}
			p.end()
			closed := p.closed()
			if len(closed) != 1 || closed[0].Victims != 500 || closed[0].Calls != 500 || closed[0].Stuck != 0 {
				t.Fatalf("closed with %+v", closed)
			}
			if p.written != 5 || p.records() > 10 {
				t.Errorf("%d records, %d of them calls", p.records(), p.written)
			}
		})
	}
}

func TestFewCallsAreWritten(t *testing.T) {
	p := &play{t: t}
	for i := range 5 {
		p.observe(0, call("a.service", uint32(i), sec))
	}
	for i := range 100 { // five in ten seconds, for ever
		p.observe(time.Duration(i+5)*2*sec, call("a.service", uint32(i), sec))
	}
	p.end()
	if p.folded != 0 || len(p.events) != 0 {
		t.Errorf("%d folded, %d events", p.folded, len(p.events))
	}
}

func TestKeysAreApart(t *testing.T) {
	p := &play{t: t}
	base := call("a.service", 1, sec)
	for i := range 5 {
		for _, change := range []func(*Call){
			func(*Call) {}, func(c *Call) { c.Unit = "b.service" }, func(c *Call) { c.Container = "c" },
			func(c *Call) { c.Syscall = "read" }, func(c *Call) { c.Site = "" },
		} {
			c := base
			c.TID = uint32(i)
			change(&c)
			p.observe(0, c)
		}
	}
	if p.folded != 0 {
		t.Errorf("%d folded", p.folded)
	}
}

func TestEventsTellEverything(t *testing.T) {
	p := &play{t: t}
	for i := range 8 {
		c := call("a.service", uint32(i%7), time.Duration(i+1)*sec)
		c.Path = fmt.Sprintf("/f%d", i%4)
		p.observe(100*sec+time.Duration(i)*ms, c)
	}
	p.end()
	want := Snapshot{
		ID: 1, Key: Key{Unit: "a.service", Syscall: "fsync", Site: "request_wait_answer"},
		Victims: 7, Calls: 8, TotalNs: uint64(36 * sec), WorstNs: uint64(8 * sec),
		Folded: 3, FoldedNs: uint64(21 * sec), FoldedWorstNs: uint64(8 * sec),
		Began: 92*sec + 7*ms, First: 100 * sec, Last: 100*sec + 7*ms,
		PIDs: []uint32{0, 1, 2, 3, 4}, Paths: []string{"/f0", "/f1", "/f2"},
	}
	if len(p.events) != 2 || p.events[0].Change != Opened || p.events[0].Victims != 6 || p.events[0].Calls != 6 || p.events[0].Folded != 1 {
		t.Fatalf("events %+v", p.events)
	}
	if last := p.events[1]; last.Change != Closed || last.Reason != Quiet || !reflect.DeepEqual(last.Snapshot, want) {
		t.Errorf("closed with\n%+v, want\n%+v", last, want)
	}
}

func TestUpdatesAtGrowingIntervals(t *testing.T) {
	p := &play{t: t}
	for i := range 30_000 {
		p.observe(time.Duration(i)*100*ms, call("a.service", uint32(i), sec)) // for 50 min
	}
	p.end()
	var at []time.Duration
	calls := uint64(0)
	for _, e := range p.events {
		if e.Change == Updated {
			at = append(at, e.Last.Round(100*ms))
			if e.Calls <= calls {
				t.Errorf("an update without growth: %d calls after %d", e.Calls, calls)
			}
			calls = e.Calls
		}
	}
	if len(at) < 7 || len(at) > 10 {
		t.Errorf("updates at %v", at)
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] > longest+sec || at[i]-at[i-1] < sec {
			t.Errorf("updates at %v and %v", at[i-1], at[i])
		}
	}
	if got := p.closed()[0]; !got.VictimsAtLeast || got.Victims != maxVictim || got.Calls != 30_000 {
		t.Errorf("closed with %+v", got)
	}
}

func TestNextAndTickAgree(t *testing.T) {
	var b Book
	if b.Next(0) != 0 || b.Next(-sec) != 0 || b.Tick(0) != nil || b.Flush(0) != nil {
		t.Error("an empty Book wants something")
	}
	for i := range 6 {
		b.Observe(0, call("a.service", uint32(i), sec))
	}
	if got := b.Next(0); got != 10*sec {
		t.Errorf("next tick in %v", got)
	}
	for i := range 30 {
		b.Observe(500*ms, call("a.service", uint32(i), sec))
	}
	if got := b.Next(500 * ms); got != 500*ms { // the update, a second after the opening
		t.Errorf("next tick in %v", got)
	}
	if got := b.Tick(sec - 1); got != nil {
		t.Errorf("too early: %+v", got)
	}
	if got := b.Tick(sec); len(got) != 1 || got[0].Change != Updated {
		t.Errorf("in time: %+v", got)
	}
	if got := b.Next(20 * sec); got != 1 {
		t.Errorf("an overdue tick in %v", got)
	}
}

func TestQuietIncidentsCloseWithoutTick(t *testing.T) {
	var b Book
	for i := range 6 {
		b.Observe(0, call("a.service", uint32(i), sec))
	}
	decision, events := b.Observe(time.Minute, call("a.service", 1, sec))
	if decision != Write || len(events) != 1 || events[0].Change != Closed {
		t.Errorf("%v, %+v", decision, events)
	}
}

func TestStuckThreadsKeepAnIncidentOpen(t *testing.T) {
	stuckIncident := func() *play {
		p := &play{t: t}
		for i := range 6 {
			c := call("a.service", uint32(i), 10*sec)
			c.Stuck = true
			p.observe(0, c)
		}
		p.until(5 * time.Minute)
		if p.book.Open() != 1 {
			t.Fatal("closed while its threads are stuck")
		}
		return p
	}
	t.Run("until they died", func(t *testing.T) {
		p := stuckIncident()
		for i := range uint32(6) {
			p.book.Ended(p.now, i)
			p.book.Ended(p.now, i)
		}
		p.until(p.now + 10*sec)
		if got := p.closed(); len(got) != 1 || got[0].Stuck != 0 || got[0].Calls != 0 || got[0].FoldedStuck != 1 {
			t.Errorf("closed with %+v", got)
		}
	})
	t.Run("until they make another call", func(t *testing.T) {
		p := stuckIncident()
		for i := range uint32(6) {
			c := call("a.service", i, sec)
			c.Syscall = "read"
			p.observe(p.now+3*sec, c)
		}
		p.until(p.now + 10*sec)
		if got := p.closed(); len(got) != 1 || got[0].Stuck != 0 {
			t.Errorf("closed with %+v", got)
		}
	})
	t.Run("and that some are free again is told", func(t *testing.T) {
		p := stuckIncident()
		p.until(11 * time.Minute)
		p.book.Ended(p.now, 1)
		p.until(p.now + 12*time.Minute)
		last := p.events[len(p.events)-1]
		if last.Change != Updated || last.Stuck != 5 {
			t.Errorf("last event %+v", last)
		}
	})
	t.Run("but not for ever", func(t *testing.T) {
		p := stuckIncident()
		p.end()
		if got := p.closed(); len(got) != 1 || got[0].Stuck != 6 {
			t.Errorf("closed with %+v", got)
		}
	})
}

func TestStuckCallThatReturnsIsOneCall(t *testing.T) {
	p := &play{t: t}
	for i := range uint32(5) {
		c := call("a.service", i, 10*sec)
		c.Stuck = true
		p.observe(0, c)
		p.observe(0, call("a.service", i, 11*sec))
	}
	if p.folded != 0 {
		t.Errorf("%d folded: a call and its stuck report were counted as two", p.folded)
	}
}

func TestDeadStuckThreadIsNoExample(t *testing.T) {
	p := &play{t: t}
	c := call("a.service", 99, 10*sec)
	c.Stuck = true
	p.observe(0, c)
	p.book.Ended(0, 99)
	for i := range uint32(6) {
		p.observe(sec, call("a.service", i, sec))
	}
	p.end()
	if got := p.closed(); len(got) != 1 || got[0].Victims != 6 || got[0].Stuck != 0 {
		t.Errorf("closed with %+v", got)
	}
}

func TestEviction(t *testing.T) {
	p := &play{t: t}
	p.book.Burst = maxOpen + 1
	for u := range maxOpen + 1 {
		for i := range 6 {
			p.observe(time.Duration(u)*ms, call(fmt.Sprint(u), uint32(100*u+i), sec))
		}
	}
	closed := p.closed()
	if len(closed) != 1 || closed[0].ID != 1 || p.book.Open() != maxOpen || p.book.Evicted() != 1 {
		t.Fatalf("%d open, %d evicted, closed %+v", p.book.Open(), p.book.Evicted(), closed)
	}
	for _, e := range p.events {
		if e.Change == Closed && e.Reason != Evicted {
			t.Errorf("reason %v", e.Reason)
		}
	}
}

func TestFlush(t *testing.T) {
	p := &play{t: t}
	for i := range 6 {
		p.observe(0, call("b", uint32(10+i), sec))
		p.observe(0, call("a", uint32(20+i), sec))
	}
	got := p.book.Flush(sec)
	if len(got) != 2 || got[0].Key.Unit != "b" || got[1].Key.Unit != "a" || got[0].Reason != Flushed || p.book.Open() != 0 {
		t.Errorf("flushed %+v", got)
	}
	for i := range 6 {
		p.observe(sec, call("b", uint32(i), sec))
	}
	if last := p.events[len(p.events)-1]; last.ID != 3 {
		t.Errorf("an ID is used twice: %d", last.ID)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var b Book
	for i := range uint32(3 * maxKeys) { // keys with few calls
		b.Observe(0, call(fmt.Sprint(i), i, sec))
	}
	if len(b.candidates) > maxKeys {
		t.Errorf("%d keys are kept", len(b.candidates))
	}
	for u := range 20 { // incidents with many threads
		for i := range uint32(5000) {
			c := call(fmt.Sprint("u", u), uint32(u)*10_000+i, sec)
			c.Stuck = i%2 == 0
			b.Observe(0, c)
		}
	}
	threads := 0
	for _, in := range b.open {
		threads += len(in.threads)
	}
	if threads != b.threads || threads > maxTotal || len(b.stuck) > maxTotal {
		t.Errorf("%d threads, counted as %d, %d stuck", threads, b.threads, len(b.stuck))
	}
	b.Flush(0)
	if b.threads != 0 || len(b.stuck) != 0 || len(b.open) != 0 || len(b.candidates) != 0 {
		t.Errorf("left: %d threads, %d stuck, %d incidents, %d keys", b.threads, len(b.stuck), len(b.open), len(b.candidates))
	}
}

func TestSnapshotsAreApart(t *testing.T) {
	var b Book
	var first Event
	for i := range uint32(6) {
		c := call("a", 1, sec)
		c.Path, c.TID = "/p", i
		if _, events := b.Observe(0, c); len(events) > 0 {
			first = events[0]
		}
	}
	first.PIDs[0], first.Paths[0] = 42, "changed"
	if got := b.Flush(0)[0]; got.PIDs[0] != 1 || got.Paths[0] != "/p" {
		t.Errorf("%+v", got)
	}
}

func TestExtremes(t *testing.T) {
	var b Book
	for i := range uint32(10) {
		c := call("a", i, 0)
		c.DurationNs = math.MaxUint64
		c.Path = "/" + string(make([]byte, 10_000)) + "end"
		b.Observe(time.Duration(10-i), c) // the clock goes back
	}
	got := b.Flush(math.MinInt64)[0]
	if got.TotalNs != math.MaxUint64 || got.FoldedNs != math.MaxUint64 || got.Began != math.MinInt64 || got.Last < got.First {
		t.Errorf("%+v", got)
	}
	if p := got.Paths[0]; len(p) != maxPath || p[len(p)-3:] != "end" || p[:3] != "..." {
		t.Errorf("path of %d bytes", len(p))
	}
}
