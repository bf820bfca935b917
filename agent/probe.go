package agent

import "time"

// probe asks how many calls the host makes while mode watch, in which nobody counts them,
// is in force because of the budget.
type probe struct {
	meter   CallMeter // nil: not loaded
	running bool
	failed  bool // which was told
	found   chan probed
}

// probed is what came of it.
type probed struct {
	perSecond float64
	err       error
}

// The meter counts for a fiftieth of the time, so that what it costs is a fiftieth of what mode count does.
const (
	probePart = 50
	minProbe  = 10 * time.Millisecond
	maxProbe  = 50 * time.Millisecond
)

// beginProbe lets the meter count for a moment; the loop goes on meanwhile.
func (a *Agent) beginProbe() {
	p := &a.budget.probe
	if p.meter == nil {
		meter, err := a.env.Meter()
		if err != nil {
			a.probeFailed(err)
			return
		}
		p.meter, p.found = meter, make(chan probed, 1)
	}
	window := min(max(lookEach(a.effective.Collect.Interval)/probePart, minProbe), maxProbe)
	meter, found := p.meter, p.found
	p.running = true
	go func() {
		rate, err := meter.PerSecond(window)
		found <- probed{rate, err}
	}()
}

// endProbe takes what the meter has found.
func (a *Agent) endProbe(got probed) {
	a.budget.probe.running = false
	switch {
	case got.err != nil:
		a.probeFailed(got.err)
	case a.session != nil:
		a.budget.probe.failed = false
		a.judgeCost(got.perSecond)
	}
}

// probeFailed stays where we are: without a rate nobody knows what a higher step would cost. It is
// tried again with the next look, and told once.
func (a *Agent) probeFailed(err error) {
	if !a.budget.probe.failed {
		a.env.Log.Error("count the calls for the budget: mode watch stays in force", "error", err)
	}
	a.budget.probe.failed = true
	a.beginLook()
}

// closeProbe is for the end of the agent.
func (a *Agent) closeProbe() {
	p := &a.budget.probe
	if p.running {
		<-p.found
	}
	if p.meter == nil {
		return
	}
	if err := p.meter.Close(); err != nil {
		a.env.Log.Error("unload the meter of calls", "error", err)
	}
}
