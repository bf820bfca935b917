package agent

import (
	"time"

	"github.com/syscountd/syscountd/agent/cost"
	"github.com/syscountd/syscountd/agent/ladder"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/bpf"
)

// CallMeter tells how many system calls the host makes while nothing of ours is attached to
// them: *bpf.CallMeter has it.
type CallMeter interface {
	PerSecond(window time.Duration) (float64, error)
	Close() error
}

// calibrateEach is how often it is measured anew what a call costs: seldom, since that
// takes some milliseconds (BenchmarkCalibration in package bpf).
const calibrateEach = time.Minute

// budget measures what we cost the host, in every mode; and in mode auto it has the ladder.
type budget struct {
	without bpf.Speed                  // before anything was attached
	prices  map[ladder.Step]cost.Price // of the steps that were in force, as the rest of the policy is
	began   bpf.Counters               // at the last calibration
	counted bpf.Counters               // up to here all is added up
	ownNs   uint64                     // CPU time of our process, likewise

	total, interval, look cost.Spent    // since the start, the interval's beginning and the last look
	lookBegan             time.Duration // on CLOCK_MONOTONIC
	calibrated            time.Duration // likewise, when it was last measured what a call costs
	stepped               time.Duration // likewise, when the step in force was taken
	shares                cost.Shares   // between the last two looks
	summaries             cost.Summaries
	summarised            bool // summaries were measured since there are any

	climb *climb // nil: the mode is not auto
	probe probe
}

// climb is where on the ladder we are. It belongs to a policy.
type climb struct {
	ladder.Climber
	steps []ladder.Step
	at    int
}

// wantedMode is SetMode's, or the policy's.
func (a *Agent) wantedMode(p *policy.Policy, set string) string {
	if set != "" {
		return set
	}
	return p.Collect.Mode
}

// climbOf is the ladder under a policy; nil when the mode is not auto. What we know of the costs of
// its steps we keep, and our place on it, as long as the policy counts in the same way.
func (a *Agent) climbOf(p *policy.Policy, set string) *climb {
	if a.wantedMode(p, set) != policy.ModeAuto {
		return nil
	}
	if old := a.budget.climb; old != nil && p.Collect == a.policy.Collect && p.Limits.CPUBudget == a.policy.Limits.CPUBudget {
		return old
	}
	return &climb{
		Climber: ladder.Climber{Budget: float64(p.Limits.CPUBudget) / 100},
		steps:   ladder.Steps(p.Collect.Sample, a.env.CanWatch),
	}
}

// resolved is a policy with the mode that is in force under it: of auto, the step.
func (a *Agent) resolved(p *policy.Policy, set string, c *climb) *policy.Policy {
	if c == nil {
		return withMode(p, set)
	}
	next := *p
	next.Collect.Mode, next.Collect.Sample = c.steps[c.at].Mode, c.steps[c.at].Sample
	return &next
}

// inForce is the step that is measured now, whether on the ladder or not.
func (a *Agent) inForce() ladder.Step {
	return ladder.Step{Mode: a.effective.Collect.Mode, Sample: a.effective.Collect.Sample}
}

// measureWithout is for the moment before the first program is attached. Later only mode watch tells
// what a call takes without us: any program at calls makes every thread take the kernel's slow path.
func (a *Agent) measureWithout(k Kernel) {
	speed, err := k.Calibrate()
	if err != nil {
		a.env.Log.Warn("what a system call takes without us is not known; our cost will be told too high", "error", err)
		return
	}
	a.budget.without = speed
}

// beginStep is for the moment after programs were attached, which are those of another step, or
// of another policy.
func (a *Agent) beginStep() {
	b := &a.budget
	a.addUp()
	if a.session != nil {
		a.calibrate()
	}
	b.shares, b.stepped = cost.Shares{}, a.mono()
	b.summarised = b.summarised && a.inForce().HasSummaries()
	a.beginLook()
}

// calibrate measures what a call costs at the step in force, and begins anew with what a switch does.
func (a *Agent) calibrate() {
	b, step := &a.budget, a.inForce()
	b.calibrated, b.began = a.mono(), b.counted
	var price cost.Price
	speed, err := a.session.kernel.Calibrate()
	switch {
	case err != nil:
		a.env.Log.Warn("what a system call costs was not measured", "error", err)
		return
	case step.Mode == ladder.Watch: // nothing of ours is attached to calls
		b.without = speed
	default:
		price = cost.PriceOf(b.without, speed)
	}
	price.SwitchNs = b.switchNs(step)
	b.prices[step] = price
}

// calibrateAgain is for the moment before a step is left because of what it costs. Others on the machine only make a call
// dearer, sometimes by half for as long as a calibration lasts: of two measurements the cheaper one counts.
func (a *Agent) calibrateAgain() {
	step := a.inForce()
	before, known := a.budget.prices[step]
	a.calibrate()
	if known && before.CallNs < a.budget.prices[step].CallNs {
		a.budget.prices[step] = before
	}
}

// switchNs is what a context switch costs at a step: what was measured there, or else at another one.
func (b *budget) switchNs(step ladder.Step) float64 {
	if known, ok := b.prices[step]; ok {
		return known.SwitchNs
	}
	highest := 0.0
	for _, p := range b.prices {
		highest = max(highest, p.SwitchNs)
	}
	return highest
}

// addUp adds what was spent since the last time, at the price of the step in force.
func (a *Agent) addUp() {
	b := &a.budget
	now, own := a.kernelCounters(), a.env.CPUNs()
	price, known := b.prices[a.inForce()]
	if ns, enough := cost.SwitchNs(b.began, now); known && enough {
		price.SwitchNs = ns
		b.prices[a.inForce()] = price
	}
	spent := cost.Spent{Events: cost.EventsSince(b.counted, now), OwnNs: own - min(own, b.ownNs)}
	spent.KernelNs = price.Ns(spent.Events)
	b.total, b.interval, b.look = b.total.Plus(spent), b.interval.Plus(spent), b.look.Plus(spent)
	b.counted, b.ownNs = now, own
}

// takeInterval gives what the interval has cost, and begins the next one.
func (b *budget) takeInterval() cost.Spent {
	spent := b.interval
	b.interval = cost.Spent{}
	return spent
}

// changeClimb puts another ladder in force, or none. Under a policy that counts in another way the old
// prices mean nothing.
func (a *Agent) changeClimb(c *climb, p *policy.Policy) {
	a.addUp()
	a.budget.climb = c
	if p.Collect != a.policy.Collect {
		clear(a.budget.prices)
		a.budget.summaries, a.budget.summarised = cost.Summaries{}, false
	}
}
