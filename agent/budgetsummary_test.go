package agent

import (
	"slices"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// runDear is runAuto where the process takes so many ns of CPU time to read the rows of one call, as it does when
// each of many short processes has rows of its own. An interval has 60 s of calls.
func runDear(t *testing.T, rowNs uint64) *rig {
	t.Helper()
	r := runAuto(t, minutely, true)
	reading := func(k *fakeKernel) { k.reading = func() { r.ownNs.Add(60 * rowNs * r.meter.perSecond.Load()) } }
	r.inside(func() {
		price := r.kernel().switched
		r.kernel().switched = func(k *fakeKernel) error {
			k.reading = nil
			if k.options.Mode != bpf.ModeWatch {
				reading(k)
			}
			return price(k)
		}
		reading(r.kernel())
	})
	return r
}

// A build: its calls cost 0.3 % of all CPUs, and the summaries of its processes 7. It goes to watch once, since
// no other step is without summaries, and does not come back for them while the load lasts.
func TestSummariesThatAreTooDearAreLeftOnce(t *testing.T) {
	r := runDear(t, 3000)
	for range 12 { // two intervals
		r.tenSeconds(45_893)
	}
	if got := r.steps(); !slices.Equal(got, []string{"watch"}) {
		t.Fatalf("steps in two intervals: %v", got)
	}
	for range 60 {
		r.tenSeconds(45_893)
	}
	if got := r.steps(); len(got) != 0 {
		t.Errorf("steps in ten minutes under a load that stays: %v", got)
	}
	for range 30 { // five intervals
		r.tenSeconds(1000)
	}
	if got := r.steps(); !slices.Equal(got, []string{"account"}) {
		t.Errorf("steps in five intervals after the load: %v", got)
	}
}

// Summaries that the budget has room for are no reason to go where there are none.
func TestSummariesThatAreAffordableAreKept(t *testing.T) {
	r := runDear(t, 300) // 0.7 % of all CPUs
	for range 30 {
		r.tenSeconds(45_893)
	}
	if got := r.steps(); len(got) != 0 {
		t.Errorf("steps %v", got)
	}
}

// Calls that are too dear lead to the first step that is affordable with its summaries.
func TestACheaperStepKeepsItsSummaries(t *testing.T) {
	r := runDear(t, 30) // 0.45 % of all CPUs, beside 1.7 in account and 0.84 in its sample
	for range 30 {
		r.tenSeconds(300_000)
	}
	if got := r.steps(); !slices.Equal(got, []string{"account/16"}) {
		t.Errorf("steps %v", got)
	}
}

// What comes once an interval is not taken for what each look would see.
func TestOneLookDoesNotPayForTheWholeInterval(t *testing.T) {
	r := runDear(t, 500) // 1.1 % of all CPUs; 6.9 in the one look of six that has it
	for range 30 {
		r.tenSeconds(45_893)
	}
	if got := r.steps(); len(got) != 0 {
		t.Errorf("steps %v", got)
	}
	if c := r.Status().Cost; c.OwnPPM < 11_000 || c.OwnPPM > 13_000 || c.SharePPM <= c.OwnPPM {
		t.Errorf("status %+v; want 1.1 %% for summaries and the rest", c)
	}
}

func TestAStepTellsOurOwnPartFromTheKernels(t *testing.T) {
	r := runDear(t, 3000)
	for range 12 {
		r.tenSeconds(45_893)
	}
	states := only[*record.State](r.written())
	b := states[len(states)-1].Budget
	// 45,893 calls of 111 ns and 1000 switches of 50, of 2e9 ns; and of 3 us, with 1 ms of others.
	if b == nil || b.KernelPercent != 26 || b.OwnPercent != 693 || b.CostPercent != 719 || b.ExpectedPercent > 10 {
		t.Errorf("budget %+v", b)
	}
}

// After a step up the load may be of another kind: as many calls, in a few rows. What summaries took before is no
// reason to go down again until they were made.
func TestAStepUpIsJudgedByWhatItCosts(t *testing.T) {
	r := runDear(t, 3000)
	for range 12 {
		r.tenSeconds(45_893)
	}
	for range 8 {
		r.tenSeconds(1000)
	}
	r.inside(func() { r.kernel().reading = nil })
	for range 12 {
		r.tenSeconds(45_893)
	}
	if got := r.steps(); !slices.Equal(got, []string{"watch", "account"}) {
		t.Errorf("steps %v", got)
	}
}
