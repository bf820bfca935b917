package incident

import "time"

// What may be told at once, and in the long run: a host on which everything hangs is not to
// write more of incidents than journald takes. An incident that cannot begin leaves its calls to
// the limits of slow records, which count them; an update that cannot be told is told later.
const (
	defaultBurst = 64 // events of a kind
	perSecond    = 2
)

// MostRecords is how many records of incidents there may be in so many seconds: openings, updates,
// and the end of each that was or became open.
func MostRecords(seconds int) int {
	each := defaultBurst + perSecond*seconds
	return each + each + maxOpen + each
}

// allowance is a token bucket, full at first.
type allowance struct {
	started bool
	tokens  float64
	last    time.Duration
}

// take says whether one more event is allowed now.
func (a *allowance) take(now time.Duration, burst int) bool {
	if !a.started {
		a.started, a.tokens, a.last = true, float64(burst), now
	}
	// In floating point: the difference of two int64 may not fit one.
	a.tokens = min(a.tokens+max(float64(now)-float64(a.last), 0)/float64(time.Second)*perSecond, float64(burst))
	a.last = max(a.last, now)
	if a.tokens < 1 {
		return false
	}
	a.tokens--
	return true
}
