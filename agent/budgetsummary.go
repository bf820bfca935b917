package agent

import (
	"time"

	"github.com/syscountd/syscountd/agent/cost"
)

// summarise does what only steps with summaries have to do, and notes what CPU time of the process it took:
// what other goroutines took meanwhile is in it, and what the output takes afterwards is not.
func (a *Agent) summarise(work func()) {
	before := a.env.CPUNs()
	work()
	if !a.inForce().HasSummaries() {
		return
	}
	spent := cost.Spent{SummaryNs: a.env.CPUNs() - before}
	a.budget.look, a.budget.interval = a.budget.look.Plus(spent), a.budget.interval.Plus(spent)
}

// learnSummaries takes over what those of an interval have cost. One that was cut short tells little: what
// it takes to look at every row would count for more than it is.
func (a *Agent) learnSummaries(spent cost.Spent, took time.Duration) {
	if a.inForce().HasSummaries() && took >= a.effective.Collect.Interval/2 {
		a.budget.summaries, a.budget.summarised = cost.SummariesOf(spent.SummaryNs, spent.Events, took, a.env.CPUs), true
	}
}

// summaryShare is what summaries take of all CPUs at so many calls, or would take if there were any.
func (a *Agent) summaryShare(callsPerSecond float64) float64 {
	later := time.Duration(0)
	if !a.inForce().HasSummaries() {
		later = a.mono() - a.budget.stepped
	}
	return a.budget.summaries.At(callsPerSecond, later)
}
