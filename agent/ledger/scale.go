package ledger

import "math/bits"

// Scale makes each line's times stand for all its calls, when only some of them
// were timed: the total in proportion, the histogram so that it holds as many
// calls as the line. A line of which no call was timed has no times. Counts and
// errors are exact already; the extremes are those of the timed calls.
//
// The timed calls are a random sample, so that the scaled total is right on the
// average; with n timed calls its standard error is s/sqrt(n) of the mean, s
// being the spread of the durations.
func (lines Lines) Scale() {
	for _, l := range lines {
		l.scale()
	}
}

func (l *Line) scale() {
	if l.Timed == 0 || l.Timed >= l.Count {
		return
	}
	l.TotalNs = mulDiv(l.TotalNs, l.Count, l.Timed)
	// Rounding the running sum, not each bar, keeps the sum of the bars right.
	var seen, given uint64
	for i, b := range l.bars {
		seen += b.calls()
		upTo := mulDiv(min(seen, l.Timed), l.Count, l.Timed)
		l.bars[i] = newBar(b.slot(), upTo-given)
		given = upTo
	}
	l.Timed = l.Count
}

// mulDiv is a*b/c, rounded down, without overflow of the product; the largest
// number where the result does not fit.
func mulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 1<<64 - 1
	}
	quotient, _ := bits.Div64(hi, lo, c)
	return quotient
}
