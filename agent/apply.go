package agent

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

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
	case FilterProcess:
		return a.filterProcess(&who, c.PIDFD)
	case FilterSyscalls:
		return a.filterSyscalls(&who, c.Syscalls)
	case SetMode:
		return a.setMode(&who, c.Mode)
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
	return a.observe(who, next, f)
}

// filterProcess observes one process, held from the beginning.
func (a *Agent) filterProcess(who *Caller, pidfd int) error {
	p, err := holdSame(pidfd)
	if err != nil {
		return err
	}
	return a.observe(who, newTargets(p), Filter{PIDs: []uint32{p.pid}})
}

// filterSyscalls leaves the targets as they are held: their PIDs may be other
// processes' by now.
func (a *Agent) filterSyscalls(who *Caller, names []string) error {
	if err := checkSyscalls(names); err != nil {
		return err
	}
	f := a.filter
	f.Syscalls = names
	return a.observe(who, a.targets, f)
}

// observe puts a filter in force, whose targets are t; or refuses it, and closes them.
func (a *Agent) observe(who *Caller, t *targets, f Filter) error {
	at, err := a.retarget(t, f)
	if err != nil {
		if t != a.targets {
			t.close()
		}
		if errors.Is(err, unix.ESRCH) {
			return refuse(ErrNoSuchProcess, "a process of the filter has just ended: %v", err)
		}
		return refuse(ErrKernel, "%v", err)
	}
	a.adoptTargets(t, f)
	a.stateAt(at, record.ChangeRetargeted, who, "")
	return nil
}

func (a *Agent) adoptTargets(t *targets, f Filter) {
	if t != a.targets {
		a.targets.close()
	}
	a.targets, a.filter = t, f
}

// retarget says when the interval of the filter before has ended.
func (a *Agent) retarget(next *targets, f Filter) (time.Time, error) {
	if a.session == nil {
		return a.env.Now(), nil
	}
	return a.reconfigure(a.effective, next, f)
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
	effective := a.resolved(overridden(a.policy, overrides), a.mode, a.budget.climb)
	if a.session != nil {
		if err := setSyscalls(a.session.kernel, effective, a.filter.Syscalls); err != nil {
			return refuse(ErrKernel, "%v", err)
		}
		a.session.floors = floorSets{}
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

// reload reads the policy again. What the maps and programs were made for (the groups and
// their number, waits, a few calls by name) needs other programs, which go on with the calls
// in flight; all other changes are made in place. The policy's filter
// comes into force only if it has changed: one set over the bus stays.
func (a *Agent) reload(who *Caller) error {
	next, err := a.env.Policy()
	if err != nil {
		a.state(record.ChangeReloadFailed, who, err.Error())
		return refuse(ErrPolicy, "%v", err)
	}
	targets, filter := a.targets, a.filter
	if !policyFilter(next).equal(policyFilter(a.policy)) {
		filter = policyFilter(next)
		if targets, err = a.resolvePolicy(next, filter); err != nil {
			a.state(record.ChangeReloadFailed, who, err.Error())
			return refuse(ErrPolicy, "%v", err)
		}
	}
	detail := ""
	if next.Output.Journal != a.policy.Output.Journal {
		detail = "output.journal has changed: it counts from the next start on"
	}
	at, err := a.adopt(next, targets, filter)
	if err != nil {
		if targets != a.targets {
			targets.close()
		}
		a.state(record.ChangeReloadFailed, who, err.Error())
		return refuse(ErrKernel, "%v", err)
	}
	a.stateAt(at, record.ChangeReloaded, who, detail)
	return nil
}

func (a *Agent) adopt(next *policy.Policy, t *targets, f Filter) (time.Time, error) {
	climb := a.climbOf(next, "")
	effective, at := a.resolved(next, "", climb), a.env.Now()
	if a.session != nil {
		var err error
		if at, err = a.reconfigure(effective, t, f); err != nil {
			return at, err
		}
	}
	a.adoptTargets(t, f)
	a.changeClimb(climb, next)
	a.policy, a.effective, a.overrides, a.mode = next, effective, nil, ""
	a.limit.Change(next.Limits.RecordsPerSecond, next.Limits.Burst, func(rule string) bool { return next.RuleIndex(rule) >= 0 })
	a.procs = procinfo.NewProcfs(a.env.Proc, next.Output.CommandLine)
	a.beginInterval(at)
	a.beginStep()
	return at, nil
}

// reconfigure puts all of a policy and a filter in force, and says when the interval ended.
func (a *Agent) reconfigure(next *policy.Policy, t *targets, f Filter) (time.Time, error) {
	at, err := a.change(next, f.Syscalls)
	if err != nil {
		return at, err
	}
	if err := a.configureSession(next, t, f); err != nil {
		return at, errors.Join(err, a.changeBack())
	}
	return at, nil
}

// configureSession leaves a filter that stays alone: which children have come since, only
// the kernel side knows.
func (a *Agent) configureSession(p *policy.Policy, t *targets, f Filter) error {
	s := a.session
	s.floors = floorSets{}
	if t == a.targets {
		return setSyscalls(s.kernel, p, f.Syscalls)
	}
	return configure(s.kernel, p, t.kernelFilter(), f.Syscalls)
}

// policyFilter is what a policy wants to be observed.
func policyFilter(p *policy.Policy) Filter {
	f := p.Filter
	filter := Filter{
		PIDs: f.PIDs, Units: f.Units, Cgroups: f.Cgroups, UIDs: f.UIDs, Comms: f.Comms, Syscalls: f.Syscalls,
		ExcludeUnits: f.ExcludeUnits, ExcludeComms: f.ExcludeComms, Failed: f.Failed, Errnos: f.Errnos,
	}
	if len(f.PIDs) > 0 {
		filter.Children, filter.OnExit = f.Children, OnExit(f.OnExit)
	}
	return filter
}
