package main

import "testing"

func TestGoalsAreReachedByTheMedian(t *testing.T) {
	for _, test := range []struct {
		got       spread
		verdict   string
		straddles bool
	}{
		{spread{Median: 0.66, Min: 0.6, Max: 0.66, Rounds: 3}, verdictReached, false},
		{spread{Median: 0.6601, Min: 0.6, Max: 0.7, Rounds: 3}, verdictNotReached, true},
		{spread{Median: 0.6, Min: 0.6, Max: 0.7, Rounds: 3}, verdictReached, true},
		{spread{Median: 0.8, Min: 0.7, Max: 0.9, Rounds: 3}, verdictNotReached, false},
		{spread{}, verdictUnmeasured, false},
	} {
		g := goal{Limit: 0.66, Got: test.got}
		if g.verdict() != test.verdict || g.straddles() != test.straddles {
			t.Errorf("%+v: %s, straddles %v", test.got, g.verdict(), g.straddles())
		}
	}
}
