package main

import "testing"

func TestGoalsAreReachedByTheMedian(t *testing.T) {
	for _, test := range []struct {
		got         spread
		verdict     string
		withinError bool
	}{
		{spread{Median: 0.66, Low: 0.6, High: 0.66, Min: 0.5, Max: 0.9, Rounds: 3}, verdictReached, false},
		{spread{Median: 0.6601, Low: 0.6, High: 0.7, Rounds: 3}, verdictNotReached, true},
		{spread{Median: 0.6, Low: 0.6, High: 0.7, Rounds: 3}, verdictReached, true},
		{spread{Median: 0.8, Low: 0.7, High: 0.9, Min: 0.6, Max: 1, Rounds: 3}, verdictNotReached, false},
		{spread{}, verdictUnmeasured, false},
	} {
		g := goal{Limit: 0.66, Got: test.got}
		if g.verdict() != test.verdict || g.withinError() != test.withinError {
			t.Errorf("%+v: %s, within the error %v", test.got, g.verdict(), g.withinError())
		}
	}
}
