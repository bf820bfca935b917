package agent

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/syscountd/syscountd/agent/cost"
	"github.com/syscountd/syscountd/agent/ladder"
	"github.com/syscountd/syscountd/agent/record"
)

// takeStep goes to another step of the ladder, and tells why: shares are what was taken of all
// CPUs before, and spent is what that time was like. False: it cannot be taken, now or later.
func (a *Agent) takeStep(next int, shares cost.Shares, spent cost.Spent, elapsed time.Duration) bool {
	c := a.budget.climb
	from, to := c.steps[c.at], c.steps[next]
	price := a.budget.prices[from]
	at, err := a.changeStep(next)
	if err != nil {
		a.env.Log.Error("take a step of mode auto: it is left out from now on", "step", to.String(), "error", err)
		c.drop(next)
		return false
	}
	expected := func() float64 { return a.sharesAt(spent.At(a.budget.prices[to]), elapsed, to).Sum() }
	if expected() > c.Budget {
		a.calibrateAgain() // before the record is written, which says what the ladder goes by
	}
	r := &record.Budget{
		CostPercent: percent(shares.Sum()), KernelPercent: percent(shares.Kernel), OwnPercent: percent(shares.Own()),
		LimitPercent:   percent(c.Budget),
		CallsPerSecond: perSecond(spent.Calls+spent.LeftOut, elapsed), SwitchesPerSecond: perSecond(spent.Switches, elapsed),
		CallNs: wholeNs(price.CallNs), LeftOutNs: wholeNs(price.LeftOutNs), SwitchNs: wholeNs(price.SwitchNs),
		ExpectedPercent: percent(expected()),
	}
	a.stateOf(at, &record.State{Change: record.ChangeMode, Detail: a.reason(from, to, next), Budget: r})
	return true
}

// changeStep puts another step in force, and says when that was: this is all that changes the
// kernel side.
func (a *Agent) changeStep(next int) (time.Time, error) {
	c, old := a.budget.climb, a.budget.climb.at
	c.at = next
	effective := a.resolved(overridden(a.policy, a.overrides), a.mode, c)
	at, err := a.change(effective, a.filter.Syscalls)
	if err != nil {
		c.at = old
		return at, err
	}
	a.effective = effective
	a.beginInterval(at)
	a.beginStep()
	return at, nil
}

// drop leaves out a step that is not the one in force.
func (c *climb) drop(step int) {
	c.steps = slices.Delete(c.steps, step, step+1)
	if c.at > step {
		c.at--
	}
}

// reason says in a phrase why a step was taken.
func (a *Agent) reason(from, to ladder.Step, at int) string {
	c := a.budget.climb
	if a.isAbove(to, from) {
		return fmt.Sprintf("up from %s, since more is affordable", from)
	}
	text := fmt.Sprintf("down from %s, which cost more than the budget", from)
	if at == len(c.steps)-1 && to.Mode != ladder.Watch {
		text += "; " + lowestStep
	}
	return text
}

// lowestStep says why the ladder ends with count.
const lowestStep = "the lowest step on this kernel is count, since mode watch needs Linux 6.18"

// isAbove: the first step comes before the second.
func (a *Agent) isAbove(first, second ladder.Step) bool {
	steps := a.budget.climb.steps
	return slices.Index(steps, first) < slices.Index(steps, second)
}

// percent is a share of all CPUs as records have it.
func percent(share float64) record.Percent {
	return record.Percent(math.Round(min(share, 1000) * 10_000))
}

// wholeNs is a price as records have it.
func wholeNs(ns float64) uint64 { return uint64(math.Round(ns)) }

func perSecond(n uint64, elapsed time.Duration) uint64 {
	return uint64(float64(n) / max(elapsed.Seconds(), 1e-3))
}
