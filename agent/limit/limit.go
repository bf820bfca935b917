// Package limit holds back slow records when there are too many, and counts
// what it holds back. It has no clock: the caller says what time it is.
package limit

import (
	"maps"
	"time"
)

// Limiter lets through Burst records at once and Rate records per second on the
// average; and of each rule with a rate of its own no more than that, with one second's
// worth at once. A Limiter is for one goroutine.
type Limiter struct {
	Rate  int // records per second
	Burst int // records

	all   bucket
	rules map[string]*bucket // of the rules with a rate: as many as the policy has
	held  table
}

// Record is one that is to be written.
type Record struct {
	Rule     string
	Rate     int    // of that rule, records per second; 0: it has none of its own
	Unit     string // of the caller
	Duration time.Duration
}

// Allow says whether a record may be written now, and takes note of it when
// not. now is on a monotonic clock of any origin; when it goes back, the buckets
// are just not filled. What the rule's own rate holds back takes nothing from the others.
func (l *Limiter) Allow(now time.Duration, r Record) bool {
	l.all.rate, l.all.burst = l.Rate, l.Burst
	l.all.fill(now)
	own := l.bucketOf(r)
	own.fill(now)
	if own.tokens >= 1 && l.all.tokens >= 1 {
		own.tokens--
		l.all.tokens--
		return true
	}
	ns := uint64(max(r.Duration, 0))
	l.held.add(Held{Rule: r.Rule, Unit: r.Unit, Count: 1, WorstNs: ns, TotalNs: ns})
	return false
}

// Change puts other limits in force. What was written until now still counts: a change is no
// leave to write a burst more. has says which rules there still are.
func (l *Limiter) Change(rate, burst int, has func(rule string) bool) {
	l.Rate, l.Burst = rate, burst
	maps.DeleteFunc(l.rules, func(rule string, _ *bucket) bool { return !has(rule) })
}

// bucketOf is that of the record's rule; a full one for a rule without a rate.
func (l *Limiter) bucketOf(r Record) *bucket {
	if r.Rate == 0 {
		return &bucket{}
	}
	b, known := l.rules[r.Rule]
	if !known {
		if l.rules == nil {
			l.rules = map[string]*bucket{}
		}
		b = &bucket{}
		l.rules[r.Rule] = b
	}
	b.rate, b.burst = r.Rate, r.Rate
	return b
}

// TakeHeld gives what was held back since the last time, and forgets it: the pairs of
// rule and unit with most records first, and last what had no place in the table.
func (l *Limiter) TakeHeld() []Held { return l.held.take() }
