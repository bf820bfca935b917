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

// A program's goal needs the fastest runs and the median: one of them alone shows nothing,
// and that is said even where all rounds are on one side.
func TestGoalsOfProgramsNeedTheFastestRunsAndTheMedian(t *testing.T) {
	above := spread{Median: 1.133, Min: 1.108, Max: 1.217, Rounds: 4}
	below := spread{Median: 0.972, Min: 0.953, Max: 0.99, Rounds: 4}
	for _, test := range []struct {
		got       spread
		fastest   float64
		judgement string
		straddles bool
	}{
		{above, 1.007, "not shown: median 1.133", true},
		{below, 1.074, "not shown: fastest 1.074", true},
		{above, 1.074, "not reached", false},
		{below, 1.007, "reached", false},
		{spread{Median: 1.05, Min: 0.9, Max: 1.2, Rounds: 4}, 1.007, "reached (rounds on both sides)", true},
		{spread{Median: 1.07, Min: 0.9, Max: 1.2, Rounds: 4}, 1.061, "not reached (rounds on both sides)", true},
		{spread{}, 0, "not measured", false},
	} {
		g := goal{Limit: 1.06, Got: test.got, Fastest: test.fastest}
		if g.judgement() != test.judgement || g.straddles() != test.straddles {
			t.Errorf("%+v, fastest %v: %s, straddles %v", test.got, test.fastest, g.judgement(), g.straddles())
		}
	}
}

// The peer that wins by its one lucky run may be another one than that which wins by the median.
func TestEveryPeerCountsByBothNumbers(t *testing.T) {
	r := &result{}
	for key, seconds := range map[string][]float64{keyProcess: {1, 1, 1}, keyLatency: {0.8, 1.2, 1.2}, keyBpftrace: {0.98, 0.98, 0.98}} {
		s := newSubjectResult(subject{key: key})
		for round, took := range seconds {
			s.putPrograms(round, map[string]float64{"build": took}, map[string]float64{"build": 1}, map[string]float64{"build": 1})
		}
		r.Subjects = append(r.Subjects, s)
	}
	got, fastest := r.against(keyProcess, []string{keyLatency, keyBpftrace}, "build")
	if got.Median != 1/0.98 || fastest != 1/0.8 {
		t.Errorf("median %v, want the one over bpftrace, %v; fastest %v, want the one over syscount -L, %v", got.Median, 1/0.98, fastest, 1/0.8)
	}
}
