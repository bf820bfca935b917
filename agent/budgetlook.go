package agent

import (
	"math"
	"time"

	"github.com/syscountd/syscountd/agent/cost"
	"github.com/syscountd/syscountd/agent/ladder"
)

// Four looks make an interval: down within two of these, up within five. A look each ten seconds is
// enough for an interval of a minute, and what we do for it is too much twice a second.
const (
	looksOfInterval = 4
	minLook         = 500 * time.Millisecond
	maxLook         = 10 * time.Second
)

// lookEach is the time between two looks.
func lookEach(interval time.Duration) time.Duration {
	return min(max(interval/looksOfInterval, minLook), maxLook)
}

// beginLook forgets what was spent until now: on loading programs, for example.
func (a *Agent) beginLook() {
	a.addUp()
	a.takeLook()
}

// takeLook gives what was spent since the last look as far as it is added up, and in which time; and begins the next one.
func (a *Agent) takeLook() (spent cost.Spent, elapsed time.Duration) {
	b, now := &a.budget, a.mono()
	spent, elapsed = b.look, now-b.lookBegan
	b.look, b.lookBegan = cost.Spent{}, now
	return spent, elapsed
}

// untilLook is when the next one is due; false: nothing is attached, or its probe is under way.
func (a *Agent) untilLook() (time.Duration, bool) {
	if a.session == nil || a.budget.probe.running {
		return 0, false
	}
	return a.budget.lookBegan + lookEach(a.effective.Collect.Interval) - a.mono(), true
}

// withLook is when the last look before a time is due, or that time if none is: what is done together wakes us once.
// The next is due at next, and all others in steps of each.
func withLook(at, next, each time.Duration) time.Duration {
	if next > at {
		return at
	}
	return at - (at-next)%each
}

// lookAtCost is made when it is due. In mode watch nobody counts calls: a probe does so first, for
// a moment.
func (a *Agent) lookAtCost() {
	a.wakers.due = true
	if a.budget.climb != nil && a.inForce().Mode == ladder.Watch {
		a.beginProbe()
		return
	}
	a.judgeCost(0)
}

// judgeCost decides about the step, by what was spent since the last look; in mode watch the probe has
// found so many calls per second.
func (a *Agent) judgeCost(callsPerSecond float64) {
	b := &a.budget
	a.addUp()
	spent, elapsed := a.takeLook()
	step, calibrated := a.inForce(), b.calibrated
	b.shares = a.sharesNow(spent, elapsed)
	if b.climb != nil && b.climb.mayGoDown(b.shares) {
		a.calibrateAgain()
		spent = spent.At(b.prices[a.inForce()])
		b.shares = a.sharesNow(spent, elapsed)
	}
	if b.climb != nil {
		a.climbBy(spent, elapsed, callsPerSecond)
	}
	if a.session != nil && a.mono()-b.calibrated >= calibrateEach {
		a.calibrate()
	}
	if b.calibrated != calibrated { // what that took is not what this step costs
		a.beginLook()
	} else if a.inForce() == step {
		a.publishWith(b.counted) // most looks change nothing
		return
	}
	a.publish()
}

// sharesNow are what was taken of all CPUs, as far as it was measured: summaries are when the first interval has
// ended.
func (a *Agent) sharesNow(spent cost.Spent, elapsed time.Duration) cost.Shares {
	if a.budget.summarised {
		return a.sharesAt(spent, elapsed, a.inForce())
	}
	return spent.Shares(elapsed, a.env.CPUs)
}

// sharesAt are what would be taken of all CPUs at a step, with what was spent as its prices have it.
func (a *Agent) sharesAt(spent cost.Spent, elapsed time.Duration, step ladder.Step) cost.Shares {
	shares := spent.Shares(elapsed, a.env.CPUs)
	if step.HasSummaries() {
		shares.Summaries = a.summaryShare(spent.PerSecond(elapsed))
	}
	return shares
}

// climbBy takes the step that the climber says.
func (a *Agent) climbBy(spent cost.Spent, elapsed time.Duration, callsPerSecond float64) {
	c, shares := a.budget.climb, a.budget.shares // of this look, however many steps it leads down
	look := ladder.Look{Step: c.at, Cost: shares.Sum()}
	if c.steps[c.at].Mode == ladder.Watch {
		spent.Calls += uint64(callsPerSecond * elapsed.Seconds())
	}
	look.Expected = a.expected(spent, elapsed)
	next := c.Next(look)
	for next != c.at && a.takeStep(next, shares, spent, elapsed) {
		look.Step, look.Expected = c.at, a.expected(spent, elapsed)
		next = c.Settle(look)
	}
}

// mayGoDown: this is more than the budget, and there is a lower step.
func (c *climb) mayGoDown(shares cost.Shares) bool {
	return shares.Sum() > c.Budget && c.at < len(c.steps)-1
}

// expected is the share of all CPUs that each step would have taken; NaN where it was never measured,
// and may be within the budget.
func (a *Agent) expected(spent cost.Spent, elapsed time.Duration) []float64 {
	c := a.budget.climb
	shares := make([]float64, len(c.steps))
	for i, step := range c.steps {
		price, known := a.budget.prices[step]
		if known {
			shares[i] = a.sharesAt(spent.At(price), elapsed, step).Sum()
			continue
		}
		shares[i] = a.least(spent, elapsed, i)
		if shares[i] <= c.Budget {
			shares[i] = math.NaN()
		}
	}
	return shares
}

// least is the least that a step would have taken which was never measured, by those that were.
func (a *Agent) least(spent cost.Spent, elapsed time.Duration, step int) float64 {
	c := a.budget.climb
	most := 0.0
	for _, dearer := range c.steps[:step] {
		price, known := a.budget.prices[dearer]
		if !known {
			continue
		}
		part := ladder.Least(c.steps[step], dearer)
		price = cost.Price{CallNs: price.CallNs * part, LeftOutNs: price.LeftOutNs * part}
		most = max(most, a.sharesAt(spent.At(price), elapsed, c.steps[step]).Sum())
	}
	return most
}
