package ladder

import "math"

// The hysteresis, in looks; four looks make an interval, or more.
const (
	// Haste is how many looks in a row have to be over the budget before a step down: the
	// look in which a load began may not be, and the next two are over within an interval.
	Haste = 2
	// Urgent is how many times the budget a look may be over it before one is enough.
	Urgent = 4
	// Patience is how many looks in a row a higher step must have been affordable before
	// it is taken.
	Patience = 6
	// MaxPatience is what patience grows to while steps up turn out to be wrong.
	MaxPatience = 96
	// Trial is for how many times the patience a step up is on trial: a step down in that
	// time says that it was wrong.
	Trial = 4
	// Headroom is the part of the budget that a higher step may be expected to use: one
	// that would fill it all would be left again at the next breath of the load.
	Headroom = 0.7
)

// Look is what was measured since the last look.
type Look struct {
	Step int // in force, an index of the steps
	// Cost is the share of all CPUs that it took, 0 to 1.
	Cost float64
	// Expected is the same for each step, had it been in force; NaN: not known yet, which
	// trying it out will change.
	Expected []float64
}

// Climber remembers what was at the looks before. Its zero value is ready, with a budget.
type Climber struct {
	Budget float64 // share of all CPUs, 0 to 1

	over     int // looks in a row over the budget
	calm     int // looks in a row at which a higher step was affordable
	up       int // the highest step that was affordable at all of them
	patience int // looks; 0: as at the beginning
	trial    int // looks that the last step up is still on trial
}

// Next is the step to take after a look; the one in force when it is to stay.
func (c *Climber) Next(l Look) int {
	c.trial = max(c.trial-1, 0)
	if l.Cost > c.Budget {
		return c.down(l)
	}
	c.over = 0
	up := c.affordable(l)
	if up == l.Step {
		c.calm = 0
		return l.Step
	}
	if c.calm++; c.calm == 1 || up > c.up {
		c.up = up
	}
	if c.calm < c.patient() {
		return l.Step
	}
	c.calm = 0
	c.trial = Trial * c.patient()
	return c.up
}

// Settle is the step to take right after a step down, when what the new one costs has been
// measured: one look that was over the budget may lead down several steps.
func (c *Climber) Settle(l Look) int {
	if expected := l.Expected[l.Step]; !(expected > c.Budget) {
		return l.Step
	}
	return c.below(l)
}

func (c *Climber) down(l Look) int {
	c.calm = 0
	c.over++
	if c.over < Haste && l.Cost < Urgent*c.Budget {
		return l.Step
	}
	next := c.below(l)
	if next == l.Step {
		return next
	}
	c.over = 0
	if c.trial > 0 {
		c.patience = min(2*c.patient(), MaxPatience)
	} else {
		c.patience = Patience
	}
	c.trial = 0
	return next
}

// below is the first lower step that is affordable, or of which nothing is known; if there is
// none, the last.
func (c *Climber) below(l Look) int {
	for i := l.Step + 1; i < len(l.Expected); i++ {
		if math.IsNaN(l.Expected[i]) || l.Expected[i] <= c.Budget {
			return i
		}
	}
	return len(l.Expected) - 1
}

// affordable is the first step that leaves headroom, or the one in force.
func (c *Climber) affordable(l Look) int {
	for i := range l.Step {
		if math.IsNaN(l.Expected[i]) || l.Expected[i] <= Headroom*c.Budget {
			return i
		}
	}
	return l.Step
}

func (c *Climber) patient() int { return max(c.patience, Patience) }
