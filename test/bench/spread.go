package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// series is one measured value per round. A round without a value is left out.
type series map[int]float64

// spread is what the rounds of one measurement gave: the middle and the ends, and between which two rounds
// the middle of many more would be, with a probability of 95 % at least.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"` // 0: nothing was measured, and the rest means nothing
}

// median is the middle of xs, the mean of the two middle ones of an even
// number, and NaN of none. It does not change xs.
func median(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(xs))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// spread sums up the rounds.
func (s series) spread() spread {
	if len(s) == 0 {
		return spread{}
	}
	values := slices.Sorted(maps.Values(s))
	n := len(values)
	k := outside(n)
	return spread{Median: median(values), Low: values[k], High: values[n-1-k], Min: values[0], Max: values[n-1], Rounds: n}
}

// outside is how many of n sorted values may be left out at each end, and the true median still lies between the
// others with a probability of 95 %: each value is below it as often as a coin falls on one side (the sign test). Of
// fewer than six it is none, and the probability is less.
func outside(n int) int {
	below, ways := 0.0, math.Pow(0.5, float64(n)) // probability that at most k values are below, and that just k are
	for k := range n {
		below += ways
		if below > 0.025 {
			return max(k-1, 0)
		}
		ways *= float64(n-k) / float64(k+1)
	}
	return 0
}

// over is s divided by other, round by round: what drifts from one round to the
// next (clock frequency, neighbours) is in both and goes. Rounds that only one
// of them has are left out, and so are those in which other is not positive: a
// cost below the noise is nothing to divide by.
func (s series) over(other series) series {
	ratios := make(series)
	for round, value := range s {
		if divisor, ok := other[round]; ok && divisor > 0 {
			ratios[round] = value / divisor
		}
	}
	return ratios
}

// minus is s less other, round by round.
func (s series) minus(other series) series {
	differences := make(series)
	for round, value := range s {
		if subtrahend, ok := other[round]; ok {
			differences[round] = value - subtrahend
		}
	}
	return differences
}

// nanoseconds writes "+111 (+108..+117)", with a digit more where a whole
// nanosecond is too coarse.
func (s spread) nanoseconds() string {
	if s.Rounds == 0 {
		return "-"
	}
	format := "%+.0f (%+.0f..%+.0f)"
	if math.Abs(s.Median) < 9.95 {
		format = "%+.1f (%+.1f..%+.1f)"
	}
	return fmt.Sprintf(format, s.Median, s.Min, s.Max)
}

// ratio writes "0.65 (0.63..0.66)".
func (s spread) ratio() string {
	if s.Rounds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f..%.2f)", s.Median, s.Min, s.Max)
}

// format writes its three numbers in the given way, one alone if there was one round.
func (s spread) format(verb string) string {
	switch s.Rounds {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf(verb, s.Median)
	}
	return fmt.Sprintf(verb+" ("+verb+".."+verb+")", s.Median, s.Min, s.Max)
}

// fineRatio writes "0.655 (0.631..0.662)", with between what the median is: enough digits to see on which side
// of a limit it is.
func (s spread) fineRatio() string {
	if s.Rounds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f (%.3f..%.3f)", s.Median, s.Low, s.High)
}

// slowdown writes the ratio of two times as "+3.1 % (+2.0..+4.9)", and as
// "x12.3 (x11.9..x12.8)" where it is more than twice.
func (s spread) slowdown() string {
	if s.Rounds == 0 {
		return "-"
	}
	if s.Median >= 2 {
		return fmt.Sprintf("x%.1f (x%.1f..x%.1f)", s.Median, s.Min, s.Max)
	}
	percent := func(ratio float64) float64 { return (ratio - 1) * 100 }
	return fmt.Sprintf("%+.1f %% (%+.1f..%+.1f)", percent(s.Median), percent(s.Min), percent(s.Max))
}
