package agent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
)

// apply is Do inside the loop.
func (a *Agent) apply(who Caller, cmd Command) error {
	switch c := cmd.(type) {
	case Start:
		return a.startNow(&who)
	case Stop:
		return a.halt(&who)
	case SetFilter:
		return a.setFilter(&who, c.Filter)
	case SetThreshold:
		return a.setThreshold(&who, c)
	case ResetThresholds:
		return a.override(&who, nil, "thresholds of the policy")
	case Reload:
		return a.reload(&who)
	case Flush:
		a.endInterval(false)
		return nil
	}
	return refuse(ErrInvalid, "unknown command %T", cmd)
}

func (a *Agent) startNow(who *Caller) error {
	if err := a.start(who); err != nil {
		return refuse(ErrKernel, "start: %v", err)
	}
	return nil
}

// setFilter ends the interval first, so that no summary mixes two filters.
func (a *Agent) setFilter(who *Caller, f Filter) error {
	next, err := a.resolve(f)
	if err != nil {
		return err
	}
	if err := a.retarget(next, f); err != nil {
		next.close()
		return refuse(ErrKernel, "%v", err)
	}
	a.targets.close()
	a.targets, a.filter = next, f
	a.state(record.ChangeRetargeted, who, "")
	return nil
}

func (a *Agent) retarget(next *targets, f Filter) error {
	if a.session == nil {
		return nil
	}
	a.endInterval(false)
	return configure(a.session.kernel, a.effective, next.filter, f.Syscalls)
}

func (a *Agent) setThreshold(who *Caller, c SetThreshold) error {
	if c.Threshold < policy.MinThreshold || c.Threshold > policy.MaxThreshold {
		return refuse(ErrInvalid, "threshold %v of %.40q: must be between %v and %v",
			c.Threshold, c.Syscall, policy.MinThreshold, policy.MaxThreshold)
	}
	if _, err := syscalls.Expand([]string{c.Syscall}); err != nil {
		return refuse(ErrInvalid, "%v", err)
	}
	overrides := slices.DeleteFunc(slices.Clone(a.overrides), func(t Threshold) bool { return t.Syscall == c.Syscall })
	overrides = append(overrides, Threshold{c.Syscall, c.Threshold})
	if len(overrides) > maxTargets {
		return refuse(ErrInvalid, "%d thresholds are overridden already; put them into the policy, or reset them", maxTargets)
	}
	return a.override(who, overrides, fmt.Sprintf("%s %v", c.Syscall, c.Threshold))
}

// override puts other thresholds in force; the newest stands first.
func (a *Agent) override(who *Caller, overrides []Threshold, detail string) error {
	effective := overridden(a.policy, overrides)
	if a.session != nil {
		if err := a.session.kernel.SetSyscalls(settingsOf(effective, a.filter.Syscalls)); err != nil {
			return refuse(ErrKernel, "set the thresholds: %v", err)
		}
	}
	a.overrides, a.effective = overrides, effective
	a.state(record.ChangeThreshold, who, detail)
	return nil
}

func overridden(p *policy.Policy, overrides []Threshold) *policy.Policy {
	for _, o := range overrides {
		p = p.WithThreshold([]string{o.Syscall}, o.Threshold)
	}
	return p
}

// reload reads the policy again. What the programs were loaded with (the
// groups and their number) needs another load, which loses the calls in flight
// and nothing else; all other changes are made in place. The policy's filter
// comes into force only if it has changed: one set over the bus stays.
func (a *Agent) reload(who *Caller) error {
	next, err := a.env.Policy()
	if err != nil {
		a.state(record.ChangeReloadFailed, who, err.Error())
		return refuse(ErrPolicy, "%v", err)
	}
	filter := a.filter
	if !sameFilter(Filter(next.Filter), Filter(a.policy.Filter)) {
		filter = Filter(next.Filter)
	}
	targets, err := a.resolve(filter)
	if err != nil {
		a.state(record.ChangeReloadFailed, who, err.Error())
		return refuse(ErrPolicy, "filter: %v", err)
	}
	if err := a.adopt(next, targets, filter); err != nil {
		targets.close()
		a.state(record.ChangeReloadFailed, who, err.Error())
		return refuse(ErrKernel, "%v", err)
	}
	a.state(record.ChangeReloaded, who, "")
	return nil
}

func (a *Agent) adopt(next *policy.Policy, t *targets, f Filter) error {
	if a.session != nil {
		if err := a.reconfigure(next, t, f); err != nil {
			return err
		}
	}
	a.targets.close()
	a.targets, a.filter = t, f
	a.policy, a.effective, a.overrides = next, next, nil
	a.limit = newLimiter(next.Limits)
	a.procs = procinfo.NewProcfs(a.env.Proc, next.Output.CommandLine)
	a.beginInterval()
	return nil
}

func (a *Agent) reconfigure(next *policy.Policy, t *targets, f Filter) error {
	if optionsOf(next) == optionsOf(a.effective) && next.Collect.GroupBy == a.effective.Collect.GroupBy {
		a.endInterval(false)
		return configure(a.session.kernel, next, t.filter, f.Syscalls)
	}
	s, err := openSession(a.env, next, t.filter, f.Syscalls)
	if err != nil {
		return err
	}
	if err := a.retire(false); err != nil {
		a.env.Log.Error("end the old session", "error", err)
	}
	if err := s.kernel.Attach(); err != nil {
		// Back to the old policy, which a is still under.
		return errors.Join(err, s.close(), a.start(nil))
	}
	a.session = s
	return nil
}

func sameFilter(a, b Filter) bool {
	return slices.Equal(a.PIDs, b.PIDs) && slices.Equal(a.Units, b.Units) &&
		slices.Equal(a.Cgroups, b.Cgroups) && slices.Equal(a.Syscalls, b.Syscalls)
}
