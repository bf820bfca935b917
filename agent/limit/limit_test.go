package limit

import (
	"math"
	"reflect"
	"testing"
	"time"
)

const ms = time.Millisecond

// allowed counts how many of n records pass at one moment.
func allowed(l *Limiter, now time.Duration, n int) int {
	passed := 0
	for range n {
		if l.Allow(now, "r", ms) {
			passed++
		}
	}
	return passed
}

func TestAllow(t *testing.T) {
	type step struct {
		now  time.Duration
		ask  int
		want int
	}
	tests := map[string]struct {
		rate, burst int
		steps       []step
	}{
		"burst, then nothing":        {10, 5, []step{{0, 7, 5}, {0, 1, 0}}},
		"filled at the rate":         {10, 5, []step{{0, 5, 5}, {99 * ms, 1, 0}, {100 * ms, 1, 1}, {100 * ms, 1, 0}, {400 * ms, 9, 3}}},
		"parts of a token add up":    {10, 5, []step{{0, 5, 5}, {40 * ms, 1, 0}, {80 * ms, 1, 0}, {100 * ms, 2, 1}}},
		"never over the burst":       {10, 5, []step{{0, 5, 5}, {time.Hour, 9, 5}}},
		"any origin":                 {10, 5, []step{{-time.Hour, 9, 5}, {100*ms - time.Hour, 9, 1}}},
		"clock goes back":            {10, 5, []step{{time.Hour, 9, 5}, {0, 1, 0}, {time.Hour, 1, 0}, {time.Hour + 100*ms, 9, 1}}},
		"clock goes back, some left": {10, 5, []step{{time.Hour, 2, 2}, {0, 9, 3}}},
		"absurdly late":              {math.MaxInt, 5, []step{{0, 5, 5}, {math.MaxInt64, 9, 5}}},
		"nothing configured":         {0, 0, []step{{0, 3, 1}, {999 * ms, 1, 0}, {1000 * ms, 3, 1}}},
		"negative":                   {-4, -4, []step{{0, 3, 1}, {time.Second, 3, 1}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := &Limiter{Rate: tt.rate, Burst: tt.burst}
			for i, s := range tt.steps {
				if got := allowed(l, s.now, s.ask); got != s.want {
					t.Errorf("step %d: %d of %d allowed at %v, want %d", i, got, s.ask, s.now, s.want)
				}
			}
		})
	}
}

func TestTakeSuppressed(t *testing.T) {
	l := &Limiter{Rate: 1, Burst: 1}
	if got := l.TakeSuppressed(); got != nil {
		t.Errorf("new limiter holds %v", got)
	}
	l.Allow(0, "allowed", time.Hour)
	l.Allow(0, "b", 3*ms)
	l.Allow(0, "b", 5*ms)
	l.Allow(0, "c", ms)
	l.Allow(0, "a", ms)
	l.Allow(0, "a\nb", -ms)
	want := []Suppressed{
		{"b", 2, uint64(5 * ms), uint64(8 * ms)},
		{"a", 1, uint64(ms), uint64(ms)},
		{"a\nb", 1, 0, 0},
		{"c", 1, uint64(ms), uint64(ms)},
	}
	if got := l.TakeSuppressed(); !reflect.DeepEqual(got, want) {
		t.Errorf("took %v, want %v", got, want)
	}
	if got := l.TakeSuppressed(); got != nil {
		t.Errorf("took %v again", got)
	}
}

func TestEveryRecordIsAllowedOrCounted(t *testing.T) {
	l := &Limiter{Rate: 50, Burst: 200}
	passed, held := 0, uint64(0)
	for i := range 10_000 {
		if l.Allow(time.Duration(i)*ms, "r", ms) {
			passed++
		}
		if i%1000 == 999 {
			for _, s := range l.TakeSuppressed() {
				held += s.Count
			}
		}
	}
	if passed+int(held) != 10_000 {
		t.Errorf("%d passed, %d held back", passed, held)
	}
	if passed < 698 || passed > 700 { // 200 at once, 50 in each of 10 s
		t.Errorf("%d passed", passed)
	}
}

func TestTotalDoesNotOverflow(t *testing.T) {
	l := &Limiter{Rate: 1, Burst: 1}
	for range 4 {
		l.Allow(0, "r", math.MaxInt64)
	}
	s := l.TakeSuppressed()[0]
	if s.Count != 3 || s.WorstNs != math.MaxInt64 || s.TotalNs != math.MaxUint64 {
		t.Errorf("suppressed %+v", s)
	}
}
