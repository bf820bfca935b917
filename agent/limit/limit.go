// Package limit holds back slow records when there are too many, and counts
// what it holds back. It has no clock: the caller says what time it is.
package limit

import (
	"cmp"
	"slices"
	"time"
)

// Limiter is a token bucket: Burst records at once, Rate records per second on
// the average. A Rate or Burst below 1 counts as 1. The bucket is full at
// first. A Limiter is for one goroutine.
type Limiter struct {
	Rate  int // records per second
	Burst int // records

	started    bool
	tokens     float64       // records that may be written now
	last       time.Duration // when tokens was right
	suppressed map[string]Suppressed
}

// Suppressed sums up what was held back for one rule.
type Suppressed struct {
	Rule    string
	Count   uint64
	WorstNs uint64 // the longest duration
	TotalNs uint64 // of all durations; stays at the largest number when it would overflow
}

// Allow says whether a record may be written now, and takes note of it when
// not. now is on a monotonic clock of any origin; when it goes back, the bucket
// is just not filled. The number of rules is bounded by the policy.
func (l *Limiter) Allow(now time.Duration, rule string, duration time.Duration) bool {
	l.fill(now)
	if l.tokens >= 1 {
		l.tokens--
		return true
	}
	l.hold(rule, uint64(max(duration, 0)))
	return false
}

// TakeSuppressed gives what was held back since the last time, the rule with
// most records first, and forgets it.
func (l *Limiter) TakeSuppressed() []Suppressed {
	var taken []Suppressed
	for _, s := range l.suppressed {
		taken = append(taken, s)
	}
	l.suppressed = nil
	slices.SortFunc(taken, func(a, b Suppressed) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule))
	})
	return taken
}

func (l *Limiter) fill(now time.Duration) {
	burst := float64(max(l.Burst, 1))
	switch {
	case !l.started:
		l.started, l.tokens, l.last = true, burst, now
	case now > l.last:
		// In floating point: the difference of two int64 may not fit one.
		gained := (float64(now) - float64(l.last)) / float64(time.Second) * float64(max(l.Rate, 1))
		l.tokens = min(l.tokens+gained, burst)
		l.last = now
	}
}

func (l *Limiter) hold(rule string, ns uint64) {
	if l.suppressed == nil {
		l.suppressed = map[string]Suppressed{}
	}
	s := l.suppressed[rule]
	s.Rule = rule
	s.Count++
	s.WorstNs = max(s.WorstNs, ns)
	if s.TotalNs += ns; s.TotalNs < ns {
		s.TotalNs = ^uint64(0)
	}
	l.suppressed[rule] = s
}
