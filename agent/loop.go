package agent

import (
	"context"
	"errors"
	"time"

	"github.com/syscountd/syscountd/agent/ladder"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// Run attaches the programs and serves until ctx ends; then it writes the final
// summary and detaches. It returns an error only if it could not begin or the
// kernel side broke.
func (a *Agent) Run(ctx context.Context) error {
	defer close(a.done)
	if err := a.begin(); err != nil {
		return err
	}
	defer func() { a.targets.close() }() // those of then
	defer a.saveLast()
	defer a.closeProbe()
	close(a.ready)
	beat := newTicker(a.env.Beat)
	defer beat.Stop()
	for {
		due := time.NewTimer(a.untilDue())
		select {
		case <-ctx.Done():
			due.Stop()
			return a.leave()
		case fn := <-a.doors:
			fn()
		case p := <-a.targets.exits:
			a.targetExited(p)
		case draft := <-a.accounts.closed:
			a.freeGone(draft)
		case <-beat.C:
			a.env.OnBeat()
		case got := <-a.slowCalls():
			if err := a.receive(got); err != nil {
				return errors.Join(err, a.halt(nil))
			}
		case got := <-a.budget.probe.found:
			a.endProbe(got)
		case <-due.C:
			if err := a.doDue(); err != nil {
				return errors.Join(err, a.halt(nil))
			}
		}
		due.Stop()
		a.followWakers()
		a.noteTotals()
	}
}

// untilDue is how long nothing is to be done but what comes from outside.
func (a *Agent) untilDue() time.Duration {
	until := a.nextEnd.Sub(a.env.Now())
	if sweep, ok := a.untilSweep(); ok {
		until = min(until, sweep)
	}
	if offspring, ok := a.untilOffspring(); ok {
		until = min(until, offspring)
	}
	if incident, ok := a.untilIncident(); ok {
		until = min(until, incident)
	}
	if look, ok := a.untilLook(); ok {
		until = min(until, look)
	}
	if drain, ok := a.untilDrain(); ok {
		until = min(until, drain)
	}
	return until
}

// doDue does what the time has come for.
func (a *Agent) doDue() error {
	if offspring, ok := a.untilOffspring(); ok && offspring <= 0 {
		a.followOffspring()
	}
	a.tell(a.incidents.book.Tick(a.mono()))
	if look, ok := a.untilLook(); ok && look <= 0 {
		a.lookAtCost()
	}
	if sweep, ok := a.untilSweep(); ok && sweep <= 0 { // after the look: see withLook
		if err := a.sweep(); err != nil {
			return err
		}
	}
	if drain, ok := a.untilDrain(); ok && drain <= 0 {
		a.lookAtDrain()
	}
	if !a.env.Now().Before(a.nextEnd) {
		a.endInterval(false)
	}
	if a.pendingChanged() {
		a.publish()
	}
	return nil
}

// newTicker never ticks when the period is 0.
func newTicker(period time.Duration) *time.Ticker {
	if period > 0 {
		return time.NewTicker(period)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// begin puts the policy's filter in force and starts, or goes on where the process
// before has ended.
func (a *Agent) begin() error {
	targets, err := a.resolvePolicy(a.policy, a.filter)
	if err != nil {
		return err
	}
	a.targets = targets
	if a.resume() {
		return nil
	}
	return a.start(nil)
}

// slowCalls is nil, which blocks, while stopped.
func (a *Agent) slowCalls() <-chan slowOrError {
	if a.session == nil {
		return nil
	}
	return a.session.slow
}

// receive handles what the reader of slow calls sends.
func (a *Agent) receive(got slowOrError) error {
	switch {
	case errors.Is(got.err, bpf.ErrFlushed):
		return nil // its asker has not waited for it
	case got.err != nil:
		return got.err
	}
	a.judge(got.call)
	return nil
}

// start loads and attaches; nothing happens when running.
func (a *Agent) start(who *Caller) error {
	if a.session != nil {
		return nil
	}
	s, err := openSession(a.env, a.effective, a.targets.kernelFilter(), a.filter.Syscalls)
	if err != nil {
		return err
	}
	a.measureWithout(s.kernel)
	if err := s.kernel.Attach(); err != nil {
		return errors.Join(err, s.close())
	}
	a.session, a.wakers.due = s, true
	a.followWakers()
	a.beginInterval(a.env.Now())
	a.beginStep()
	a.keep()
	a.state(record.ChangeStarted, who, a.ladderNote())
	return nil
}

// halt ends the running interval with the final summary and detaches; nothing
// happens when stopped.
func (a *Agent) halt(who *Caller) error {
	if a.session == nil {
		return nil
	}
	err := a.retire(true)
	a.state(record.ChangeStopped, who, "")
	return err
}

// retire ends the session; what it counted is written first.
func (a *Agent) retire(final bool) error {
	s := a.session
	a.release()
	a.endDrain()
	err := errors.Join(s.kernel.DetachCalls(), a.drainSlow())
	a.tell(a.incidents.book.Flush(a.mono()))
	a.endInterval(final)
	a.totals.retire(s.kernel)
	a.totals.untracked += a.stuck.tracker.Overflow()
	a.session, a.stuck = nil, stuckCalls{}
	if err = errors.Join(err, s.close()); err != nil {
		return refuse(ErrKernel, "detach: %v", err)
	}
	return nil
}

// drainSlow judges what the kernel side has handed over until now.
func (a *Agent) drainSlow() error { return a.session.pending(a.judge) }

func (a *Agent) beginInterval(at time.Time) {
	a.starts = at
	a.nextEnd = a.starts.Add(a.effective.Collect.Interval)
}

// state writes a state record and publishes the new picture.
func (a *Agent) state(change record.Change, who *Caller, detail string) {
	a.stateAt(a.env.Now(), change, who, detail)
}

// stateAt is state for what has happened a moment ago.
func (a *Agent) stateAt(at time.Time, change record.Change, who *Caller, detail string) {
	r := &record.State{Change: change, Detail: detail}
	if who != nil {
		r.Caller = &record.Caller{UserID: who.UID, PID: who.PID, Via: who.Via}
	}
	a.stateOf(at, r)
}

// stateOf adds to a state record what is in force, and writes it.
func (a *Agent) stateOf(at time.Time, r *record.State) {
	a.sweepSoon()
	r.PolicyFiles, r.Filter = a.policy.Files, recordFilter(a.filter)
	if a.session != nil {
		r.Attachment = a.session.kernel.Attachment()
		if why := a.session.kernel.WhyTracepoints(); why != "" && r.Detail == "" {
			r.Detail = "on tracepoints that all calls pass, because " + why
		}
	}
	if r.Change == record.ChangeResumed {
		r.Resumption = a.accounts.resumed
	}
	if a.session != nil || r.Change == record.ChangeMode { // that one also while stopped
		r.Mode, r.Auto = a.effective.Collect.Mode, a.budget.climb != nil
		if r.Mode == ladder.Account && a.effective.Collect.Sample > 1 {
			r.Sample = a.effective.Collect.Sample
		}
	}
	a.write(r, at)
	a.publish()
}

// write stamps a record and hands it to the sink, which never blocks.
func (a *Agent) write(r record.Record, at time.Time) {
	a.env.Stamp.Stamp(r, at)
	a.env.Sink.Write(r)
}

// slowOrError is what the reader of slow calls sends.
type slowOrError struct {
	call *bpf.SlowCall
	err  error
}
