package agent

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// minutely has an interval of a minute, and so a look each ten seconds.
const minutely = "[collect]\ninterval = \"60s\"\n[stuck]\nafter = \"never\"\n"

// callNs is what Calibrate finds with the options' programs attached; 100 is without.
func callNs(o bpf.Options) float64 {
	switch {
	case o.Mode == bpf.ModeWatch:
		return 100
	case o.Mode == bpf.ModeCount:
		return 130
	case o.Sample == 16:
		return 156
	}
	return 211
}

// runAuto runs an agent in mode auto on a kernel with mode watch, or without; its clock stands.
func runAuto(t *testing.T, text string, watch bool) *rig {
	t.Helper()
	r := newRig(t, text)
	r.watch = watch
	price := func(k *fakeKernel) error {
		k.speed = bpf.Speed{CallNs: callNs(k.options), LeftOutNs: 100 + (callNs(k.options)-100)/2, SpinNs: 1, Calls: 10}
		return nil
	}
	r.prepare = func(k *fakeKernel) {
		_, k.switched = price(k), price
	}
	r.stopClock()
	r.start("")
	return r
}

// tenSeconds pass, with so many calls per second; a look at their end.
func (r *rig) tenSeconds(callsPerSecond uint64) {
	r.t.Helper()
	r.meter.perSecond.Store(callsPerSecond)
	r.ownNs.Add(1e7)
	r.inside(func() {
		k := r.kernel()
		k.mu.Lock()
		if k.options.Mode != bpf.ModeWatch {
			k.counters.Exit += 10 * callsPerSecond
			k.counters.Matched += 10 * callsPerSecond
		}
		k.counters.Switches += 10 * 1000
		k.counters.TimedSwitches += 100
		k.counters.SwitchNs += 100 * 50
		k.mu.Unlock()
		r.skew.Add(int64(10 * time.Second))
		must(r.t, r.doDue())
		if r.budget.probe.running {
			r.endProbe(<-r.budget.probe.found)
		}
	})
}

// taken are the steps since the last time, by the state records.
func (r *rig) taken() (steps []*record.State) {
	r.t.Helper()
	for _, s := range only[*record.State](r.written()) {
		if s.Change == record.ChangeMode {
			steps = append(steps, s)
		}
	}
	return steps
}

// steps are the modes of those.
func (r *rig) steps() (modes []string) {
	r.t.Helper()
	for _, s := range r.taken() {
		mode := s.Mode
		if s.Sample > 1 {
			mode += fmt.Sprintf("/%d", s.Sample)
		}
		modes = append(modes, mode)
	}
	return modes
}

// The budget is 2 % of two CPUs: 40 ms a second, of which our own process takes 1.
func TestItGoesDownWithTheLoadAndUpAgain(t *testing.T) {
	for _, c := range []struct {
		load  uint64 // calls per second
		watch bool
		want  []string
	}{
		{300_000, true, nil},
		{500_000, true, []string{"account/16", "account"}},
		{1_000_000, true, []string{"account/16", "count", "account"}},
		{1_500_000, true, []string{"count", "watch", "account"}},
		{5_000_000, true, []string{"watch", "account"}},
		{5_000_000, false, []string{"count", "account"}},
	} {
		t.Run(fmt.Sprint(c.load, c.watch), func(t *testing.T) {
			r := runAuto(t, minutely, c.watch)
			for range 3 {
				r.tenSeconds(c.load)
			}
			for range 8 {
				r.tenSeconds(1000)
			}
			if got := r.steps(); !slices.Equal(got, c.want) {
				t.Errorf("steps %v; want %v", got, c.want)
			}
			if s := r.Status(); s.Mode != "account" || !s.Auto {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// A look that leads down two steps is why for both of them.
func TestEachStepOfALookTellsWhatItSaw(t *testing.T) {
	r := runAuto(t, minutely, true)
	for range 3 {
		r.tenSeconds(1_000_000)
	}
	var told []record.Percent
	for _, s := range only[*record.State](r.written()) {
		if s.Change == record.ChangeMode {
			told = append(told, s.Budget.CostPercent)
		}
	}
	if want := []record.Percent{560, 560}; !slices.Equal(told, want) {
		t.Errorf("told %v; want %v", told, want)
	}
}

func TestAStepTellsItsFigures(t *testing.T) {
	r := runAuto(t, minutely, false)
	started := only[*record.State](r.written())[0]
	if !started.Auto || started.Mode != "account" || !strings.Contains(started.Detail, "the lowest step on this kernel is count") {
		t.Errorf("started %+v", started)
	}
	for range 2 {
		r.tenSeconds(5_000_000)
	}
	var step *record.State
	for _, s := range only[*record.State](r.written()) {
		if s.Change == record.ChangeMode {
			step = s
		}
	}
	if step == nil {
		t.Fatal("no step")
	}
	// 5e6 calls of 111 ns, 1000 switches of 50 ns and 1 ms of our own, each second, of 2e9 ns.
	want := record.Budget{CostPercent: 2780, KernelPercent: 2775, OwnPercent: 5, LimitPercent: 200, ExpectedPercent: 755, CallsPerSecond: 5_000_000, SwitchesPerSecond: 1000, CallNs: 111, LeftOutNs: 56, SwitchNs: 50}
	if *step.Budget != want {
		t.Errorf("budget %+v\nwant %+v", *step.Budget, want)
	}
	if step.Mode != "count" || !step.Auto || step.Caller != nil || !strings.Contains(step.Detail, "down from account") || !strings.Contains(step.Detail, "needs Linux 6.18") {
		t.Errorf("step %+v", step)
	}
	if s := r.Status(); !strings.Contains(s.Sentence, "in mode count (auto; the lowest step on this kernel is count") {
		t.Errorf("%s", s.Sentence)
	}
}

func TestAnIntervalTellsWhatItCost(t *testing.T) {
	r := runAuto(t, minutely, true)
	r.written()
	for range 6 {
		r.tenSeconds(100_000)
	}
	intervals := only[*record.Interval](r.written())
	if len(intervals) != 1 {
		t.Fatalf("%d intervals", len(intervals))
	}
	got := intervals[0].Cost
	if got.Calls != 6_000_000 || got.Switches != 60_000 || got.CPUNs != 6e7 || got.CallNs != 111 || got.SwitchNs != 50 || got.CalibrationCalls == 0 {
		t.Errorf("cost %+v", got)
	}
	// The first look comes before a price of switches is known.
	if want := 6e6*111 + 6e4*50.0; math.Abs(float64(got.KernelNs)-want) > 5e5 {
		t.Errorf("%d ns in the kernel; want %.0f", got.KernelNs, want)
	}
	if c := r.Status().Cost; c.BudgetPPM != 20_000 || c.SharePPM != 6075 || c.CallPS != 111_000 || c.SwitchPS != 50_000 || c.Kernel < 660*time.Millisecond {
		t.Errorf("status %+v", c)
	}
	r.do(Stop{})
	if c := r.Status().Cost; c.SharePPM != 0 || c.CallPS != 0 || c.Kernel < 660*time.Millisecond {
		t.Errorf("stopped: %+v", c)
	}
}

// A neighbour who makes calls dearer while they are measured is no reason to leave a step, neither
// one that was long in force nor one that was just taken.
func TestADisturbedCalibrationLeadsDownNoStep(t *testing.T) {
	disturb := func(k *fakeKernel) { k.disturbed = 1 }
	t.Run("long in force", func(t *testing.T) {
		r := runAuto(t, minutely, true)
		for i := range 20 {
			if i == 5 {
				r.inside(func() { disturb(r.kernel()) })
			}
			r.tenSeconds(300_000)
		}
		if got := r.steps(); len(got) > 0 {
			t.Errorf("steps %v; want none", got)
		}
	})
	t.Run("just taken", func(t *testing.T) {
		r := runAuto(t, minutely, true)
		r.inside(func() {
			price := r.kernel().switched
			r.kernel().switched = func(k *fakeKernel) error {
				disturb(k)
				return price(k)
			}
		})
		for range 3 {
			r.tenSeconds(500_000)
		}
		taken := r.taken()
		if len(taken) != 1 || taken[0].Mode != "account" || taken[0].Sample != 16 {
			t.Fatalf("%d steps; want one to account with sample 16", len(taken))
		}
		if b := taken[0].Budget; b.ExpectedPercent > b.LimitPercent {
			t.Errorf("the record expects %+v; want what the ladder goes by, which is within the budget", *b)
		}
	})
}

// What loading the programs took is no reason for another step.
func TestLoadingIsNotHeldAgainstTheNewStep(t *testing.T) {
	r := runAuto(t, minutely, true)
	r.inside(func() {
		price := r.kernel().switched
		r.kernel().switched = func(k *fakeKernel) error {
			r.ownNs.Add(2e9)
			return price(k)
		}
	})
	for range 20 {
		r.tenSeconds(500_000)
	}
	if got := r.steps(); !slices.Equal(got, []string{"account/16"}) {
		t.Errorf("steps %v", got)
	}
}

func TestAStepThatCannotBeTakenIsLeftOut(t *testing.T) {
	r := runAuto(t, minutely, true)
	r.inside(func() {
		price := r.kernel().switched
		r.kernel().switched = func(k *fakeKernel) error {
			if k.options.Mode == bpf.ModeCount {
				return fmt.Errorf("no tracepoint")
			}
			return price(k)
		}
	})
	for range 6 {
		r.tenSeconds(1_000_000)
	}
	if got := r.steps(); !slices.Equal(got, []string{"account/16", "watch"}) {
		t.Errorf("steps %v", got)
	}
	if s := r.Status(); s.Mode != "watch" || s.State != "running" {
		t.Errorf("status %+v", s)
	}
}

func TestWithoutARateItStaysInWatch(t *testing.T) {
	r := runAuto(t, minutely, true)
	for range 3 {
		r.tenSeconds(5_000_000)
	}
	r.inside(func() { r.meter.refuse = fmt.Errorf("no tracepoint") })
	for range 20 {
		r.tenSeconds(1000)
	}
	if got := r.steps(); !slices.Equal(got, []string{"watch"}) {
		t.Errorf("steps %v", got)
	}
	if err := r.stop(); err != nil || !r.meter.closed.Load() {
		t.Errorf("closed %v, %v", r.meter.closed.Load(), err)
	}
}

func TestAModeThatIsSetIsNoStep(t *testing.T) {
	r := runAuto(t, minutely, true)
	r.do(SetMode{"account"})
	if s := r.Status(); s.Auto || s.Mode != "account" {
		t.Errorf("status %+v", s)
	}
	for range 5 {
		r.tenSeconds(5_000_000)
	}
	r.do(SetMode{"count"})
	r.do(SetMode{"auto"})
	if s := r.Status(); !s.Auto || s.Mode != "account" {
		t.Errorf("status %+v", s)
	}
	if got := r.steps(); !slices.Equal(got, []string{"account", "count", "account"}) {
		t.Errorf("modes %v", got)
	}
	for range 2 {
		r.tenSeconds(5_000_000)
	}
	if got := r.steps(); !slices.Equal(got, []string{"watch"}) {
		t.Errorf("steps %v", got)
	}
}

// The policy's sample is the first step's; a reload keeps the place on the ladder unless the policy counts in another way.
func TestAReloadKeepsTheStepUnlessThePolicyCountsDifferently(t *testing.T) {
	r := runAuto(t, minutely, true)
	for range 2 {
		r.tenSeconds(500_000)
	}
	r.do(SetThreshold{"fsync", time.Millisecond})
	r.do(Reload{})
	if s := r.Status(); s.Mode != "account" || s.Sample != 16 {
		t.Errorf("status %+v", s)
	}
	r.policy = minutely + "[limits]\ncpu_budget = \"50%\"\n"
	r.do(Reload{})
	if s := r.Status(); s.Mode != "account" || s.Sample != 1 || s.Cost.BudgetPPM != 500_000 {
		t.Errorf("status %+v", s)
	}
	r.policy = strings.Replace(minutely, "[collect]\n", "[collect]\nsample = 64\n", 1)
	r.do(Reload{})
	if s := r.Status(); s.Mode != "account" || s.Sample != 64 || r.kernel().options.Sample != 64 {
		t.Errorf("status %+v", s)
	}
}

// A price that is not known is none: nothing is guessed.
func TestACalibrationThatFailsChangesNothing(t *testing.T) {
	r := newRig(t, minutely)
	r.prepare = func(k *fakeKernel) { k.refuseCalibrate = fmt.Errorf("no memory") }
	r.stopClock()
	r.start("")
	for range 5 {
		r.tenSeconds(5_000_000)
	}
	if got := r.steps(); len(got) != 0 {
		t.Errorf("steps %v", got)
	}
	if c := r.Status().Cost; c.CallPS != 0 {
		t.Errorf("cost %+v", c)
	}
}

func TestLooksAreAsOftenAsTheIntervalAsks(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		time.Second: 500 * time.Millisecond, 4 * time.Second: time.Second, time.Minute: 10 * time.Second, time.Hour: 10 * time.Second,
	} {
		if got := lookEach(interval); got != want {
			t.Errorf("interval %v: a look each %v; want %v", interval, got, want)
		}
	}
}
