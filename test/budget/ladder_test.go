package budget

import (
	"runtime"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/test/foreground"
)

// steps are those of the ladder that the service has taken so far.
func steps(r *foreground.Records) (taken []*record.State) {
	for _, s := range r.States {
		if s.Change == record.ChangeMode {
			taken = append(taken, s)
		}
	}
	return taken
}

// last is the newest step; nil: there was none.
func last(r *foreground.Records) *record.State {
	if taken := steps(r); len(taken) > 0 {
		return taken[len(taken)-1]
	}
	return nil
}

func logSteps(t *testing.T, since time.Time, taken []*record.State) {
	t.Helper()
	for _, s := range taken {
		at, err := time.Parse(time.RFC3339Nano, s.Time)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("after %.1f s: %s sample %d (%s) %+v", at.Sub(since).Seconds(), s.Mode, s.Sample, s.Detail, *s.Budget)
	}
}

// A budget that account keeps on a host which does little beside this test, and exceeds under a
// load on all CPUs.
const aFifth = "20%"

func TestItStepsDownUnderALoadAndUpAfterIt(t *testing.T) {
	needRoot(t)
	interval := 2 * time.Second
	if longRun(t) > 0 {
		interval = 10 * time.Second
	}
	s := start(t, foreground.Build(t, "cmd/syscountd"), "auto", 1, interval, aFifth)
	s.Await("second interval", func(r *foreground.Records) bool { return len(r.Intervals) >= 2 })
	if first := s.Records(); last(&first) != nil {
		logSteps(t, time.Now(), steps(&first))
		t.Fatal("a step without a load: the host does something else")
	}
	came := time.Now()
	stop := load(t, runtime.NumCPU())
	s.Await("step down", func(r *foreground.Records) bool { return last(r) != nil })
	down := time.Since(came)
	s.Await("step that the budget allows", func(r *foreground.Records) bool {
		return len(r.Intervals) > 0 && affordable(last(r))
	})
	stop()
	gone := time.Now()
	s.Await("way up to account", func(r *foreground.Records) bool {
		l := last(r)
		return l.Mode == "account" && l.Sample == 0
	})
	up := time.Since(gone)
	all := s.Stop()
	logSteps(t, came, steps(&all))
	t.Logf("down after %.1f intervals, up after %.1f", down.Seconds()/interval.Seconds(), up.Seconds()/interval.Seconds())
	for _, step := range steps(&all) {
		if !step.Auto || step.Caller != nil || step.Budget == nil {
			t.Errorf("step %+v; want one that the budget caused", step)
		}
	}
	if first := steps(&all)[0].Budget; first.CostPercent <= first.LimitPercent || first.CallsPerSecond < 100_000 {
		t.Errorf("the first step was taken at %+v", *first)
	}
	if longRun(t) > 0 && (down > 2*interval || up > 5*interval) {
		t.Errorf("down after %v and up after %v; want at most two and five intervals of %v", down, up, interval)
	}
}

// affordable: the step is within the budget, as far as it was measured, or there is no lower one.
func affordable(s *record.State) bool {
	return s != nil && (s.Budget.ExpectedPercent <= s.Budget.LimitPercent || s.Mode == "watch")
}

// The load comes and goes at different paces, on one CPU and on more.
func TestNoFlapping(t *testing.T) {
	needRoot(t)
	window, interval := longRun(t), 10*time.Second
	if window == 0 {
		window, interval = 15*time.Second, time.Second
	}
	s := start(t, foreground.Build(t, "cmd/syscountd"), "auto", 1, interval, "5%")
	began := time.Now()
	phases := 0
	for pause := 3 * time.Second; time.Since(began) < window; pause = pause*7/4%(90*time.Second) + time.Second {
		stop := load(t, 1+phases%runtime.NumCPU())
		time.Sleep(pause) // the load is there for so long
		stop()
		time.Sleep(pause)
		phases++
	}
	all := s.Stop()
	taken := steps(&all)
	logSteps(t, began, taken)
	ups := 0
	for i, step := range taken {
		if i > 0 && step.Mode == "account" {
			ups++
		}
	}
	// Each phase may lead down, in three steps at most, and up once.
	t.Logf("%d phases of load in %v, %d steps, %d times up", phases, window, len(taken), ups)
	if len(taken) == 0 {
		t.Error("no step: the load is too little for this budget")
	}
	if ups > phases {
		t.Errorf("%d times up after %d phases of load", ups, phases)
	}
}
