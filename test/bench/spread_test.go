package main

import (
	"maps"
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{100, -100}, 0},
	} {
		if got := median(test.xs); got != test.want {
			t.Errorf("median(%v) = %v, want %v", test.xs, got, test.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
	xs := []float64{2, 1}
	if median(xs); xs[0] != 2 {
		t.Error("median changed its argument")
	}
}

func TestSpreadOfRounds(t *testing.T) {
	if got, want := (series{0: 5, 1: 1, 7: 3}).spread(), (spread{Median: 3, Low: 1, High: 5, Min: 1, Max: 5, Rounds: 3}); got != want {
		t.Errorf("spread = %+v, want %+v", got, want)
	}
	if got := (series{}).spread(); got != (spread{}) {
		t.Errorf("spread of nothing = %+v", got)
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	ours := series{0: 60, 1: 130, 2: 5, 3: 7, 4: 8}
	peer := series{0: 100, 1: 200, 3: 0, 4: -2, 9: 1}
	want := series{0: 0.6, 1: 0.65}
	if got := ours.over(peer); !maps.Equal(got, want) {
		t.Errorf("over = %v, want %v", got, want)
	}
	if got := series(nil).over(peer); len(got) != 0 {
		t.Errorf("ratios of nothing: %v", got)
	}
}

// The probability that a coin falls on one side at most k times of n: once of 9 0.0195 and twice 0.09, 3 times of 15 0.018 and 4 times
// 0.059, never of 6 0.0156.
func TestTheMedianLiesBetween(t *testing.T) {
	for rounds, want := range map[int]int{1: 0, 3: 0, 5: 0, 6: 0, 8: 0, 9: 1, 15: 3, 25: 7} {
		if got := outside(rounds); got != want {
			t.Errorf("of %d rounds %d are left out at each end; want %d", rounds, got, want)
		}
	}
	s := series{}
	for i := range 9 {
		s[i] = float64(i)
	}
	if got := s.spread(); got != (spread{Median: 4, Low: 1, High: 7, Min: 0, Max: 8, Rounds: 9}) {
		t.Errorf("of 0 to 8: %+v", got)
	}
}

func TestSpreadIsWrittenForPeople(t *testing.T) {
	for _, test := range []struct {
		got, want string
	}{
		{spread{Median: 111.4, Min: 108, Max: 117, Rounds: 3}.nanoseconds(), "+111 (+108..+117)"},
		{spread{Median: -0.14, Min: -1, Max: 1.26, Rounds: 3}.nanoseconds(), "-0.1 (-1.0..+1.3)"},
		{spread{Median: 0.65, Min: 0.634, Max: 0.7, Rounds: 3}.ratio(), "0.65 (0.63..0.70)"},
		{spread{Median: 0.6551, Low: 0.634, High: 0.7, Rounds: 3}.fineRatio(), "0.655 (0.634..0.700)"},
		{spread{Median: 1.031, Min: 0.99, Max: 1.05, Rounds: 3}.slowdown(), "+3.1 % (-1.0..+5.0)"},
		{spread{Median: 12.34, Min: 11, Max: 13, Rounds: 3}.slowdown(), "x12.3 (x11.0..x13.0)"},
		{spread{Median: 62, Min: 61, Max: 150, Rounds: 3}.format("%.1f"), "62.0 (61.0..150.0)"},
		{spread{Median: 62, Min: 62, Max: 62, Rounds: 1}.format("%.0f"), "62"},
		{spread{}.format("%.0f"), "-"},
		{spread{}.nanoseconds(), "-"},
		{spread{}.ratio(), "-"},
		{spread{}.fineRatio(), "-"},
		{spread{}.slowdown(), "-"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
