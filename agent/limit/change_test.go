package limit

import (
	"testing"
	"time"
)

// A reload is no leave to write a burst more, of all or of a rule.
func TestAChangeMakesNoFullBucket(t *testing.T) {
	all := func(string) bool { return true }
	l := &Limiter{Rate: 10, Burst: 5}
	noisy := Record{Rule: "noisy", Rate: 2, Duration: ms}
	for range 2 {
		l.Allow(0, noisy)
	}
	allowed(l, 0, 5)
	l.Change(10, 50, all)
	if got := allowed(l, 0, 9); got != 0 {
		t.Errorf("%d at once after the change", got)
	}
	if got := allowed(l, 10*time.Second, 99); got != 50 {
		t.Errorf("%d later; the new burst is 50", got)
	}
	l.Change(1000, 1000, all)
	noisy.Rate = 1
	if passed := count(l.Allow(10*time.Second, noisy)) + count(l.Allow(10*time.Second, noisy)); passed > 1 {
		t.Errorf("%d of a rule whose rate is 1 now", passed)
	}
	l.Change(1000, 1000, func(string) bool { return false })
	if len(l.rules) != 0 || len(l.TakeHeld()) == 0 {
		t.Error("a rule that is gone has a bucket, or what was held back is forgotten")
	}
}
