package stuck

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

const (
	sec   = time.Second
	after = 10 * sec
)

// key is the call of a thread that began at a time.
func key(tid uint32, start time.Duration) Key {
	return Key{TID: tid, ProcessStartNs: 7, StartNs: uint64(start)}
}

func TestReportsAtGrowingIntervals(t *testing.T) {
	var tr Tracker
	k := key(1, 5*sec)
	var ages []time.Duration
	for now := 5 * sec; now < time.Hour; now += sec {
		for i, r := range tr.Sweep(now, after, []Key{k}).Report {
			ages = append(ages, r.Age)
			if r.Key != k || r.Reports != uint32(len(ages)) || i > 0 {
				t.Fatalf("report %+v", r)
			}
		}
	}
	want := []time.Duration{10 * sec, 20 * sec, 40 * sec, 80 * sec, 160 * sec, 320 * sec, 640 * sec, 1240 * sec, 1840 * sec, 2440 * sec, 3040 * sec}
	if !reflect.DeepEqual(ages, want) {
		t.Errorf("reported at %v, want %v", ages, want)
	}
}

func TestSweep(t *testing.T) {
	a, b := key(1, 0), key(2, 0)
	type step struct {
		now    time.Duration
		open   []Key
		report []Key
		ended  []Key
	}
	tests := map[string][]step{
		"too young":                {{9 * sec, []Key{a}, nil, nil}, {10 * sec, []Key{a}, []Key{a}, nil}},
		"young ones do not end":    {{9 * sec, []Key{a}, nil, nil}, {10 * sec, nil, nil, nil}, {11 * sec, nil, nil, nil}},
		"over: at the second miss": {{10 * sec, []Key{a}, []Key{a}, nil}, {11 * sec, nil, nil, nil}, {12 * sec, nil, nil, []Key{a}}, {13 * sec, nil, nil, nil}},
		"missed once":              {{10 * sec, []Key{a}, []Key{a}, nil}, {11 * sec, nil, nil, nil}, {12 * sec, []Key{a}, nil, nil}, {13 * sec, nil, nil, nil}, {14 * sec, nil, nil, []Key{a}}},
		"in the list twice":        {{10 * sec, []Key{a, a}, []Key{a}, nil}, {20 * sec, []Key{a, a}, []Key{a}, nil}},
		"oldest first":             {{30 * sec, []Key{key(9, 2*sec), b, key(3, sec), a}, []Key{a, b, key(3, sec), key(9, 2*sec)}, nil}},
		"the thread's next call":   {{10 * sec, []Key{a}, []Key{a}, nil}, {20 * sec, []Key{key(1, 11*sec)}, nil, nil}, {21 * sec, []Key{key(1, 11*sec)}, []Key{key(1, 11*sec)}, []Key{a}}},
		"a TID is reused":          {{10 * sec, []Key{a}, []Key{a}, nil}, {11 * sec, []Key{{TID: 1, ProcessStartNs: 8}}, []Key{{TID: 1, ProcessStartNs: 8}}, nil}},
		"begins after now":         {{10 * sec, []Key{key(1, 11*sec)}, nil, nil}},
		"clock before its zero":    {{-sec, []Key{a}, nil, nil}},
		"clock goes back":          {{40 * sec, []Key{a}, []Key{a}, nil}, {sec, []Key{a}, nil, nil}, {80 * sec, []Key{a}, []Key{a}, nil}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			var tr Tracker
			for i, s := range steps {
				got := tr.Sweep(s.now, after, s.open)
				var report, ended []Key
				for _, r := range got.Report {
					report = append(report, r.Key)
				}
				for _, e := range got.Ended {
					ended = append(ended, e.Key)
				}
				if !reflect.DeepEqual(report, s.report) || !reflect.DeepEqual(ended, s.ended) || got.Untracked != 0 {
					t.Fatalf("step %d: %+v, want %v and %v", i, got, s.report, s.ended)
				}
			}
		})
	}
}

func TestEndedTellsWhatWasKnown(t *testing.T) {
	var tr Tracker
	k := key(1, 0)
	tr.Sweep(10*sec, after, []Key{k})
	tr.Sweep(20*sec, after, []Key{k})
	tr.Sweep(25*sec, after, []Key{k})
	tr.Sweep(26*sec, after, nil)
	want := []Ended{{Key: k, Age: 25 * sec, Reports: 2}}
	if got := tr.Sweep(27*sec, after, nil).Ended; !reflect.DeepEqual(got, want) {
		t.Errorf("ended %+v, want %+v", got, want)
	}
}

func TestCloses(t *testing.T) {
	var tr Tracker
	k := key(1, 0)
	if tr.Closes(k) {
		t.Error("closes what was not reported")
	}
	tr.Sweep(10*sec, after, []Key{k})
	tr.Sweep(11*sec, after, nil) // it returned, its record is on its way
	if !tr.Closes(k) {
		t.Error("does not close a reported call")
	}
	if tr.Closes(k) || tr.Len() != 0 {
		t.Error("closes it twice")
	}
	for i := range 3 {
		if got := tr.Sweep(time.Duration(12+i)*sec, after, nil); len(got.Ended) != 0 {
			t.Errorf("ended after its slow record: %+v", got)
		}
	}
}

func TestAfterMayChange(t *testing.T) {
	var tr Tracker
	k := key(1, 0)
	tr.Sweep(10*sec, after, []Key{k})
	if got := tr.Sweep(500*sec, 0, []Key{k, key(2, 0)}); len(got.Report) != 0 || len(got.Ended) != 0 {
		t.Errorf("reported while switched off: %+v", got)
	}
	if got := tr.Sweep(501*sec, after, []Key{k}); len(got.Report) != 1 || got.Report[0].Reports != 2 {
		t.Errorf("not reported any more: %+v", got)
	}
	tr.Sweep(502*sec, 0, nil)
	if got := tr.Sweep(503*sec, 0, nil); len(got.Ended) != 1 {
		t.Errorf("its end is not told: %+v", got)
	}
}

func TestTinyAfterIsNotAFlood(t *testing.T) {
	var tr Tracker
	reports := 0
	for now := time.Duration(0); now < sec; now += time.Millisecond {
		reports += len(tr.Sweep(now, 1, []Key{key(1, 0)}).Report)
	}
	if reports != 1 {
		t.Errorf("%d reports in a second", reports)
	}
}

func TestBounded(t *testing.T) {
	var tr Tracker
	var open []Key
	for i := range uint32(maxTracked + 500) {
		open = append(open, key(i, time.Duration(maxTracked+500-i))) // the last began first
	}
	got := tr.Sweep(20*sec, after, open)
	if len(got.Report) != maxTracked || got.Untracked != 500 || tr.Len() != maxTracked || tr.Overflow() != 500 {
		t.Fatalf("%d reports, %d untracked, %d tracked, overflow %d", len(got.Report), got.Untracked, tr.Len(), tr.Overflow())
	}
	if first := got.Report[0].TID; first != maxTracked+499 {
		t.Errorf("the oldest is not first, but %d", first)
	}
	tr.Sweep(21*sec, after, open)
	if tr.Overflow() != 500 {
		t.Errorf("the same calls are counted again: %d", tr.Overflow())
	}
	// Those that had no room get some when others end.
	for _, r := range got.Report[:100] {
		tr.Closes(r.Key)
	}
	got = tr.Sweep(22*sec, after, open[:500])
	if len(got.Report) != 100 || got.Untracked != 400 {
		t.Errorf("%d reports, %d untracked", len(got.Report), got.Untracked)
	}
}

func TestExtremeTimes(t *testing.T) {
	var tr Tracker
	keys := []Key{{TID: 1}, {TID: 2, StartNs: math.MaxUint64}, {TID: 3, StartNs: math.MaxInt64}}
	for range 3 {
		if got := tr.Sweep(math.MaxInt64, after, keys); len(got.Report) > 1 {
			t.Errorf("%+v", got)
		}
	}
	if tr.Len() != 1 {
		t.Errorf("%d tracked", tr.Len())
	}
}

// Whatever happens: a call is reported first with Reports 1, then one more each
// time; after its end, by a record or not, nothing more is said of it; and
// every reported call has exactly one end.
func TestEveryReportedCallEndsOnce(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var tr Tracker
		open, reports, ended := map[Key]bool{}, map[Key]uint32{}, map[Key]bool{}
		end := func(k Key) {
			if reports[k] == 0 || ended[k] {
				t.Fatalf("seed %d: %v ends after %d reports", seed, k, reports[k])
			}
			ended[k] = true
		}
		now := time.Duration(0)
		for range 400 {
			now += time.Duration(rng.IntN(int(3 * sec)))
			if rng.IntN(2) == 0 {
				open[key(uint32(rng.IntN(20)), now)] = true
			}
			for k := range open {
				if rng.IntN(40) == 0 {
					delete(open, k)
					if rng.IntN(2) == 0 && tr.Closes(k) {
						end(k)
					}
				}
			}
			var list []Key
			for k := range open {
				if rng.IntN(100) != 0 { // a look may miss one
					list = append(list, k)
				}
			}
			got := tr.Sweep(now, after, list)
			for _, e := range got.Ended {
				if open[e.Key] { // missed twice by bad luck: it may come back as a new one
					delete(open, e.Key)
				}
				end(e.Key)
			}
			for _, r := range got.Report {
				if reports[r.Key]++; r.Reports != reports[r.Key] || ended[r.Key] || r.Age < after {
					t.Fatalf("seed %d: report %+v, the %dth", seed, r, reports[r.Key])
				}
			}
		}
		for range missedSweeps {
			for _, e := range tr.Sweep(now, after, nil).Ended {
				end(e.Key)
			}
		}
		if len(ended) != len(reports) || tr.Len() != 0 {
			t.Fatalf("seed %d: %d reported, %d ended, %d left", seed, len(reports), len(ended), tr.Len())
		}
	}
}
