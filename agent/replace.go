package agent

import (
	"errors"
	"time"

	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/policy"
)

// change puts a policy in force in the kernel side, but for filter and thresholds, and
// says when that was. The interval ends then.
func (a *Agent) change(next *policy.Policy, only []string) (time.Time, error) {
	if !a.session.kernel.Fits(OptionsOf(next, only)) {
		return a.replace(next, only)
	}
	at, err := a.switchTo(next, only)
	if err == nil {
		a.session.renew(a.env, next, false)
	}
	return at, err
}

// changeBack is for what comes after a change and was refused.
func (a *Agent) changeBack() error {
	options := OptionsOf(a.effective, a.filter.Syscalls)
	if !a.session.kernel.Fits(options) {
		_, err := a.replace(a.effective, a.filter.Syscalls)
		return err
	}
	_, err := a.switchKernel(options)
	a.session.renew(a.env, a.effective, false)
	return err
}

// replace does so for what the kernel side cannot change in place: other programs go on
// with the records of those that are attached.
func (a *Agent) replace(next *policy.Policy, only []string) (time.Time, error) {
	a.release()
	at, ended, err := a.replaceKernel(next, only)
	if err != nil && ended {
		_, _, again := a.replaceKernel(a.effective, a.filter.Syscalls)
		err = errors.Join(err, again)
	}
	a.drain = beginDrain(a.mono())
	a.keep()
	return at, err
}

// replaceKernel is one replacement. When the old programs are gone their rows are told to
// the end, and the misses that the kernel has counted for them go with them.
func (a *Agent) replaceKernel(next *policy.Policy, only []string) (at time.Time, ended bool, err error) {
	options, at := OptionsOf(next, only), a.env.Now()
	kernel := a.session.kernel
	before := kernel.Options()
	var missed uint64
	gone := func(ns uint64) {
		at, ended = a.wall(ns), true
		a.endIntervalAt(at, false)
		missed = a.sessionCounters().RecursionMisses
	}
	// The reader's own error comes again, and ends the service then.
	_, err = a.beside(func(inLoop func(func())) error {
		return kernel.Replace(options, func(ns uint64) { inLoop(func() { gone(ns) }) })
	})
	if ended {
		a.totals.ended.RecursionMisses += missed
		a.session.renew(a.env, next, !before.SameRows(options))
	}
	return at, ended, err
}

// renew begins with other rows, or the same under other names.
func (s *session) renew(env Env, p *policy.Policy, rows bool) {
	if rows {
		s.ledger, s.calibrationCalls = ledger.New(), 0
	}
	if rows || s.names.groupBy != p.Collect.GroupBy {
		s.names = newNaming(s.kernel, env, p.Collect.GroupBy)
	}
}
