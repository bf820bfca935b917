package agent

import "time"

// drain is the time after a few calls have come to be followed by their functions, in
// which the end of calls that were in flight is followed too: see bpf.Tracer.Draining.
type drain struct {
	until time.Duration // on CLOCK_MONOTONIC, at most
	next  time.Duration // look
	empty int           // looks in a row that found none
}

const (
	drainEach = time.Second
	// Meanwhile the tracepoint costs all calls of the host something, and most hosts have calls
	// that wait for ever. 30 s is beyond what disks and locks are waited for on a host that works.
	drainFor = 30 * time.Second
	// A thread that comes to its CPU or leaves it during the walk over all of them may be in
	// neither place where its call is kept.
	drainLooks = 2
)

func beginDrain(now time.Duration) drain { return drain{until: now + drainFor, next: now + drainEach} }

// look takes what a look has found. True: it is over.
func (d *drain) look(now time.Duration, open uint64) bool {
	d.next = now + drainEach
	d.empty++
	if open > 0 {
		d.empty = 0
	}
	return d.empty >= drainLooks || now >= d.until
}

func (a *Agent) draining() bool { return a.session != nil && a.session.kernel.Draining() }

// untilDrain is the time to the next look; none is due where nothing drains.
func (a *Agent) untilDrain() (time.Duration, bool) { return a.drain.next - a.mono(), a.draining() }

// lookAtDrain ends it when no call is in flight any more, or its time is over.
func (a *Agent) lookAtDrain() {
	open, err := a.session.kernel.Undrained()
	if err != nil {
		a.env.Log.Error("look for the calls that were in flight: again in a second", "error", err)
		open = 1
	}
	if a.drain.look(a.mono(), open) {
		a.endDrain()
		a.publish()
	}
}

// endDrain gives up what is left, which is counted as undrained.
func (a *Agent) endDrain() {
	if !a.draining() {
		return
	}
	if err := a.session.kernel.EndDrain(); err != nil {
		a.env.Log.Error("end what followed the calls that were in flight", "error", err)
	}
}
