package agent

import (
	"fmt"
	"time"

	"github.com/syscountd/syscountd/agent/cost"
	"github.com/syscountd/syscountd/agent/ladder"
	"github.com/syscountd/syscountd/agent/record"
)

// Cost is what we take of the host's CPUs.
type Cost struct {
	Kernel    time.Duration // of our programs, in the calls and switches of others since the start: estimated
	SharePPM  uint64        // of all CPUs together, our process included, between the last two looks, summaries spread over their interval; millionths
	OwnPPM    uint64        // of SharePPM, our process; the same unit
	BudgetPPM uint64        // what the policy allows in mode auto; the same unit
	CallPS    uint64        // what we add to a system call that is observed, in picoseconds
	SwitchPS  uint64        // and to a context switch
}

func (a *Agent) costNow() Cost {
	price, shares := a.budget.prices[a.inForce()], a.budget.shares
	if a.session == nil {
		price, shares = cost.Price{}, cost.Shares{}
	}
	return Cost{
		Kernel: time.Duration(a.budget.total.KernelNs), SharePPM: uint64(shares.Sum() * 1e6), OwnPPM: uint64(shares.Own() * 1e6),
		BudgetPPM: uint64(float64(a.policy.Limits.CPUBudget) * 1e4),
		CallPS:    uint64(price.CallNs * 1000), SwitchPS: uint64(price.SwitchNs * 1000),
	}
}

// costOf is what an interval has cost, at whose end our process has used so much CPU time.
func (a *Agent) costOf(cpuNs, intervalNs uint64) record.Cost {
	spent := a.budget.interval
	spent.OwnNs = cpuNs - min(cpuNs, a.totals.cpuNs)
	price := a.budget.prices[a.inForce()]
	return record.Cost{
		CPUNs: spent.OwnNs, RSSBytes: a.env.RSSBytes(), KernelNs: uint64(spent.KernelNs),
		Percent: percent(spent.Share(time.Duration(intervalNs), a.env.CPUs)),
		Calls:   spent.Calls + spent.LeftOut, Switches: spent.Switches, CalibrationCalls: spent.Calibration,
		CallNs: wholeNs(price.CallNs), LeftOutNs: wholeNs(price.LeftOutNs), SwitchNs: wholeNs(price.SwitchNs),
	}
}

// ladderNote is what is to be said of mode auto when it begins; "" when it is not in force, or nothing is.
func (a *Agent) ladderNote() string {
	c := a.budget.climb
	if c == nil || c.steps[len(c.steps)-1].Mode == ladder.Watch {
		return ""
	}
	return lowestStep
}

// ModeLabel reads like "account", or "account with sample 16 (auto)".
func (s *Status) ModeLabel() string {
	label := ladder.Step{Mode: s.Mode, Sample: s.Sample}.String()
	if !s.Auto {
		return label
	}
	if s.LowestStep != "" {
		return fmt.Sprintf("%s (auto; %s)", label, s.LowestStep)
	}
	return label + " (auto)"
}
