package limit

import (
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"
)

const ms = time.Millisecond

// allowed counts how many of n records pass at one moment.
func allowed(l *Limiter, now time.Duration, n int) int {
	passed := 0
	for range n {
		if l.Allow(now, Record{Rule: "r", Duration: ms}) {
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

func TestTakeHeld(t *testing.T) {
	l := &Limiter{Rate: 1, Burst: 1}
	if got := l.TakeHeld(); got != nil {
		t.Errorf("new limiter holds %v", got)
	}
	l.Allow(0, Record{Rule: "allowed", Duration: time.Hour})
	l.Allow(0, Record{Rule: "b", Duration: 3 * ms})
	l.Allow(0, Record{Rule: "b", Duration: 5 * ms})
	l.Allow(0, Record{Rule: "c", Duration: ms})
	l.Allow(0, Record{Rule: "a", Duration: ms})
	l.Allow(0, Record{Rule: "a\nb", Duration: -ms})
	want := []Held{
		{Rule: "b", Count: 2, WorstNs: uint64(5 * ms), TotalNs: uint64(8 * ms)},
		{Rule: "a", Count: 1, WorstNs: uint64(ms), TotalNs: uint64(ms)},
		{Rule: "a\nb", Count: 1},
		{Rule: "c", Count: 1, WorstNs: uint64(ms), TotalNs: uint64(ms)},
	}
	if got := l.TakeHeld(); !reflect.DeepEqual(got, want) {
		t.Errorf("took %v, want %v", got, want)
	}
	if got := l.TakeHeld(); got != nil {
		t.Errorf("took %v again", got)
	}
}

func TestEveryRecordIsAllowedOrCounted(t *testing.T) {
	l := &Limiter{Rate: 50, Burst: 200}
	passed, held := 0, uint64(0)
	for i := range 10_000 {
		if l.Allow(time.Duration(i)*ms, Record{Rule: "r", Duration: ms}) {
			passed++
		}
		if i%1000 == 999 {
			for _, s := range l.TakeHeld() {
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

// A rule's own rate holds back that rule only, and what it holds back costs the others
// nothing.
func TestARuleWithARate(t *testing.T) {
	l := &Limiter{Rate: 10, Burst: 10}
	noisy := Record{Rule: "noisy", Rate: 2, Unit: "a.service", Duration: ms}
	passed := 0
	for range 100 {
		passed += count(l.Allow(0, noisy))
	}
	if passed != 2 {
		t.Errorf("%d passed; the rate is 2", passed)
	}
	if got := allowed(l, 0, 20); got != 8 {
		t.Errorf("%d of the others passed, want 8", got)
	}
	if l.Allow(499*ms, noisy) || !l.Allow(500*ms, noisy) {
		t.Error("the rule's bucket is not filled twice a second")
	}
	l = &Limiter{Rate: 1, Burst: 1}
	if allowed(l, 0, 1); l.Allow(0, noisy) {
		t.Error("a rule with a rate passes the limit of all")
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func TestWhatIsHeldIsToldByRuleAndUnit(t *testing.T) {
	l := &Limiter{Rate: 1, Burst: 1}
	l.Allow(0, Record{})
	for _, r := range []Record{{"a", 0, "x", ms}, {"a", 0, "y", 2 * ms}, {"b", 0, "x", ms}, {"a", 0, "y", ms}} {
		l.Allow(0, r)
	}
	got := l.TakeHeld()
	want := []Held{
		{Rule: "a", Unit: "y", Count: 2, WorstNs: uint64(2 * ms), TotalNs: uint64(3 * ms)},
		{Rule: "a", Unit: "x", Count: 1, WorstNs: uint64(ms), TotalNs: uint64(ms)},
		{Rule: "b", Unit: "x", Count: 1, WorstNs: uint64(ms), TotalNs: uint64(ms)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if rules := ByRule(got); len(rules) != 2 || rules[0].Rule != "a" || rules[0].Count != 3 || rules[0].TotalNs != uint64(4*ms) {
		t.Errorf("by rule %+v", rules)
	}
	rest := Held{Other: true, Count: 2, WorstNs: uint64(ms), TotalNs: uint64(2 * ms)}
	if top := Top(got, 1); !reflect.DeepEqual(top, []Held{want[0], rest}) {
		t.Errorf("the first and the rest: %+v", top)
	}
	if top := Top(got, 3); !reflect.DeepEqual(top, want) {
		t.Errorf("all: %+v", top)
	}
}

// However many units, the table is bounded and its sum right.
func TestTheTableIsBounded(t *testing.T) {
	l := &Limiter{Rate: 1, Burst: 1}
	l.Allow(0, Record{})
	for i := range 3 * maxHeld {
		l.Allow(0, Record{Rule: "r", Unit: strconv.Itoa(i), Duration: ms})
		l.Allow(0, Record{Rule: "r", Unit: "0", Duration: ms})
	}
	rows := l.TakeHeld()
	var sum uint64
	for _, h := range rows {
		sum += h.Count
	}
	last := rows[len(rows)-1]
	if len(rows) != maxHeld+1 || sum != 6*maxHeld || !last.Other || last.Count != 2*maxHeld || last.Unit != "" || last.TotalNs != 2*maxHeld*uint64(ms) {
		t.Errorf("%d rows with %d records, the last is %+v", len(rows), sum, last)
	}
	if again := l.TakeHeld(); again != nil {
		t.Errorf("took %v again", again)
	}
}

func TestTotalDoesNotOverflow(t *testing.T) {
	l := &Limiter{Rate: 1, Burst: 1}
	for range 4 {
		l.Allow(0, Record{Rule: "r", Duration: math.MaxInt64})
	}
	s := l.TakeHeld()[0]
	if s.Count != 3 || s.WorstNs != math.MaxInt64 || s.TotalNs != math.MaxUint64 {
		t.Errorf("suppressed %+v", s)
	}
}
