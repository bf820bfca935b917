package agent

import (
	"errors"
	"fmt"
	"maps"

	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// Keeper keeps the kernel side, attached, while no process of ours runs: systemd's
// file descriptor store.
type Keeper interface {
	// Adopt gives what an earlier process left, if it is whole and was loaded with
	// these options. All else that was left is let go. nil: there is nothing.
	Adopt(bpf.Options) Kernel
	// Keep takes a kernel side, attached, in the place of what was kept before.
	Keep(Kernel) error
	// Release lets go of it, and returns when that is done.
	Release() error
}

// keep hands the kernel side to the keeper. Without it a restart has a gap, and
// nothing else is amiss.
func (a *Agent) keep() {
	a.accounts.resumed = nil
	if a.env.Keeper == nil {
		return
	}
	draft, err := a.writeBase()
	if err == nil {
		a.env.Memory.Commit(draft)
		a.env.Memory.Word(tries).Store(0)
		err = a.env.Keeper.Keep(a.session.kernel)
	}
	a.noteKept(err)
}

// keepAgain is keep for what has changed since, but for the accounts.
func (a *Agent) keepAgain() {
	if a.accounts.kept {
		a.noteKept(a.env.Keeper.Keep(a.session.kernel))
	}
}

func (a *Agent) noteKept(err error) {
	a.accounts.kept = err == nil
	if err != nil {
		a.env.Log.Warn("a restart will have a gap: what is attached cannot be kept", "error", err)
	}
}

// release takes it back, so that closing it detaches. A keeper that does not answer is
// no reason not to stop: what it has it may let go of later.
func (a *Agent) release() {
	if !a.accounts.kept {
		return
	}
	a.accounts.kept = false
	if err := a.env.Keeper.Release(); err != nil {
		a.env.Log.Warn("the programs may stay attached: what is kept was not let go", "error", err)
	}
}

// leave ends this process. What a keeper has counts on, for the next one; without one
// this is the end of it. So much is the same that nobody need know which it will be:
// the manager lets go of what it keeps when the service is stopped.
func (a *Agent) leave() error {
	if a.session == nil || !a.accounts.kept {
		return a.halt(nil)
	}
	s := a.session
	err := a.drainSlow()
	a.tell(a.incidents.book.Flush(a.mono()))
	a.endInterval(true)
	a.session, a.stuck = nil, stuckCalls{}
	a.state(record.ChangeStopped, nil, "what is attached counts on for a restart, if the manager keeps it")
	return errors.Join(err, s.close())
}

// resume goes on where the process before has ended. False: there is nothing to go
// on with.
func (a *Agent) resume() bool {
	if a.env.Keeper == nil {
		return false
	}
	kernel := a.env.Keeper.Adopt(OptionsOf(a.effective, a.filter.Syscalls))
	if kernel == nil {
		return false
	}
	err := a.goOn(kernel)
	if err != nil {
		err = errors.Join(err, a.env.Keeper.Release(), kernel.Close())
		a.env.Log.Error("what the process before left is of no use: counting begins anew", "error", err)
	}
	return err == nil
}

// goOn makes the kernel side of another process ours. On error nothing has changed.
func (a *Agent) goOn(kernel Kernel) error {
	if a.env.Memory.Word(tries).Add(1) > maxTries {
		return fmt.Errorf("%d processes went on with it, and none could close an interval", maxTries)
	}
	present := map[bpf.RowKey]bool{}
	if err := kernel.EachRow(kernel.Interval(), func(key bpf.RowKey, _ bpf.Row) { present[key] = true }); err != nil {
		return err
	}
	base, rows, err := readBase(a.env.Memory, func(key bpf.RowKey) bool { return present[key] })
	if err != nil {
		return err
	}
	away, err := kernel.Away()
	if err != nil {
		return fmt.Errorf("ask how long nobody was there: %w", err)
	}
	if err := configure(kernel, a.effective, a.targets.kernelFilter(), a.filter.Syscalls); err != nil {
		return err
	}
	a.takeOver(base, kernel, rows)
	a.session.calibrationCalls = kernel.CalibrationCalls() // made for the process before
	a.accounts.resumed = &record.Resumption{AwayNs: uint64(away), CountedSeq: base.Seq}
	if err := a.drainLeft(); err != nil {
		a.env.Log.Error("read the slow calls that waited for us", "error", err)
	}
	wanted := a.standOn(kernel.Options())
	a.state(record.ChangeResumed, nil, "")
	a.endInterval(false)
	if err := a.resumeMode(wanted); err != nil {
		return err
	}
	a.beginStep()
	return nil
}

// standOn says that what another process left is in force, until now, and gives what is
// wanted. In mode auto that is the same, if it is a step of the ladder: what the host can
// afford does not change with a restart.
func (a *Agent) standOn(left bpf.Options) (wanted *policy.Policy) {
	wanted = a.effective
	if c := a.budget.climb; c != nil {
		first := c.at
		for c.at = range c.steps {
			next := a.resolved(overridden(a.policy, a.overrides), a.mode, c)
			if left.Same(OptionsOf(next, a.filter.Syscalls)) {
				a.effective = next
				return next
			}
		}
		c.at = first
	}
	next := *a.effective
	next.Collect.Mode, next.Collect.Sample = modeName(left.Mode), max(left.Sample, 1)
	a.effective = &next
	return wanted
}

// resumeMode: the process before may have been told to be in another mode than the
// policy's, or the policy has changed.
func (a *Agent) resumeMode(wanted *policy.Policy) error {
	before := a.inForce()
	a.effective = wanted
	options := OptionsOf(wanted, a.filter.Syscalls)
	if a.session.kernel.Options().Same(options) {
		return nil
	}
	if _, err := a.switchKernel(options); err != nil {
		return err
	}
	a.state(record.ChangeMode, nil, "the process before left it as "+before.String())
	return nil
}

// takeOver begins the session with the numbers of the process before.
func (a *Agent) takeOver(b base, kernel Kernel, rows *ledger.Ledger) {
	for i, n := range a.totals.live() {
		*n = a.env.Memory.Word(i).Load()
	}
	a.totals.ended, a.totals.slowThen, a.totals.unseen = b.Ended, b.SlowThen, b.Unseen
	maps.Copy(a.totals.reported, b.Reported)
	for name := range a.ownLosses() {
		a.totals.carried[name] = b.Reported[name]
	}
	a.session = newSession(a.env, kernel, a.effective, rows)
	if kernel.FollowsWakers() {
		a.noteSlow() // the process before has seen a slow call, and we may have missed one
	}
	a.accounts.kept = true
	a.starts = b.Starts
	a.budget.without, a.budget.counted = b.Without, a.kernelCounters()
}

// drainLeft judges the slow calls that waited for us. What the kernel side handed over
// beyond them, and nobody judged, the process before had taken when it was killed.
func (a *Agent) drainLeft() error {
	c := a.kernelCounters()
	err := a.drainSlow()
	handedOver := c.Slow - min(c.Slow, c.RingFull)
	known := a.totals.slowCalls + a.totals.notSlow + a.totals.unread
	a.totals.unread += handedOver - min(handedOver, known)
	return err
}
