package limit

import "time"

// bucket is a token bucket: burst records at once, rate records per second on the
// average. A rate or burst below 1 counts as 1. It is full at first.
type bucket struct {
	rate, burst int

	started bool
	tokens  float64       // records that may be written now
	last    time.Duration // when tokens was right
}

// fill adds what the time since the last look has brought.
func (b *bucket) fill(now time.Duration) {
	burst := float64(max(b.burst, 1))
	switch {
	case !b.started:
		b.started, b.tokens, b.last = true, burst, now
	case now > b.last:
		// In floating point: the difference of two int64 may not fit one.
		gained := (float64(now) - float64(b.last)) / float64(time.Second) * float64(max(b.rate, 1))
		b.tokens = min(b.tokens+gained, burst)
		b.last = now
	}
}
