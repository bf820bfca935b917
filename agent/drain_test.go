package agent

import (
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

func TestADrainEnds(t *testing.T) {
	for name, test := range map[string]struct {
		open []uint64 // found by the looks, one a second
		want int      // look at which it is over; 0: none of these
	}{
		"nothing in flight":     {[]uint64{0, 0}, 2},
		"one look may be wrong": {[]uint64{0, 1, 0, 0}, 4},
		"as long as one is":     {[]uint64{3, 2, 1}, 0},
		"at the limit":          {make([]uint64, 0), 30},
	} {
		t.Run(name, func(t *testing.T) {
			for len(test.open) == 0 || len(test.open) < test.want {
				test.open = append(test.open, 1)
			}
			d, over := beginDrain(time.Hour), 0
			for i, open := range test.open {
				if d.look(time.Hour+time.Duration(i+1)*time.Second, open) && over == 0 {
					over = i + 1
				}
			}
			if over != test.want {
				t.Errorf("over at look %d; want %d", over, test.want)
			}
		})
	}
}

// draining is an agent whose filter has just named a few calls, with three in flight.
func draining(t *testing.T) (*rig, *fakeKernel) {
	t.Helper()
	r := newRig(t, quiet)
	r.stopClock()
	r.start("")
	k := r.kernel()
	k.functions, k.inFlight = true, 3
	r.do(FilterSyscalls{[]string{"fsync"}})
	if !k.Draining() {
		t.Fatal("nothing drains")
	}
	r.out.take()
	return r, k
}

// seconds pass, and what is due is done in each.
func (r *rig) seconds(n int) {
	r.t.Helper()
	for range n {
		r.inside(func() {
			r.skew.Add(int64(time.Second))
			must(r.t, r.doDue())
		})
	}
}

func (r *rig) wantUndrained(want uint64) {
	r.t.Helper()
	r.do(Flush{})
	intervals := only[*record.Interval](r.written())
	if len(intervals) != 1 || intervals[0].Drops["undrained"] != want || r.Status().Counters["undrained"] != want {
		r.t.Errorf("%d intervals %+v, counters %v; want %d", len(intervals), intervals, r.Status().Counters, want)
	}
}

func TestADrainEndsWhenNothingIsInFlight(t *testing.T) {
	r, k := draining(t)
	r.seconds(5)
	if !k.Draining() {
		t.Fatal("it has ended with calls in flight")
	}
	r.inside(func() { k.inFlight = 0 })
	r.seconds(2)
	if k.Draining() {
		t.Error("it goes on")
	}
	r.wantUndrained(0)
}

func TestADrainEndsAtItsLimit(t *testing.T) {
	r, k := draining(t)
	r.seconds(29)
	if !k.Draining() {
		t.Fatal("it has ended before")
	}
	r.seconds(1)
	if k.Draining() {
		t.Error("it goes on")
	}
	r.wantUndrained(3)
}

// The next change leaves nothing undrained: the tracepoint of ends stays.
func TestADrainEndsWithTheNextChange(t *testing.T) {
	r, k := draining(t)
	r.do(FilterSyscalls{})
	if k.Draining() {
		t.Error("it goes on")
	}
	r.out.take()
	r.wantUndrained(0)
}

func TestADrainEndsAtStop(t *testing.T) {
	r, _ := draining(t)
	r.do(Stop{})
	intervals := only[*record.Interval](r.written())
	if len(intervals) != 1 || intervals[0].Drops["undrained"] != 3 || r.Status().Counters["undrained"] != 3 {
		t.Errorf("intervals %+v, counters %v", intervals, r.Status().Counters)
	}
}
