package cost

import (
	"testing"
	"time"
)

// 80 ms each 2 s on two CPUs, at 50,000 calls a second.
func TestSummariesAreSpreadOverTheirInterval(t *testing.T) {
	s := SummariesOf(80e6, Events{Calls: 90_000, LeftOut: 10_000}, 2*time.Second, 2)
	if !near(s.Share, 0.02) || !near(s.CallsPerSecond, 50_000) {
		t.Errorf("%+v; want 2 %% at 50000 calls/s", s)
	}
	for name, c := range map[string]struct {
		callsPerSecond float64
		later          time.Duration
		want           float64
	}{
		"the same":        {50_000, 0, 0.02},
		"fewer calls":     {5_000, 0, 0.002},
		"more calls":      {5_000_000, 0, 0.02},
		"none":            {0, 0, 0},
		"half an hour on": {50_000, forgotten, 0.01},
		"both":            {25_000, 2 * forgotten, 0.0025},
	} {
		if got := s.At(c.callsPerSecond, c.later); !near(got, c.want) {
			t.Errorf("%s: %v; want %v", name, got, c.want)
		}
	}
}

func TestSummariesThatWereNeverMadeCostNothing(t *testing.T) {
	if got := (Summaries{}).At(50_000, time.Hour); got != 0 {
		t.Errorf("%v", got)
	}
	if got := SummariesOf(0, Events{}, 0, 0).At(0, 0); got != 0 {
		t.Errorf("no time and no call give %v", got)
	}
}

func TestSharesAddUp(t *testing.T) {
	s := Shares{Kernel: 0.011, Summaries: 0.07, Rest: 0.002}
	if !near(s.Own(), 0.072) || !near(s.Sum(), 0.083) {
		t.Errorf("own %v of %v", s.Own(), s.Sum())
	}
}
