package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation says how the judge comes to its verdict about a call.
type Explanation struct {
	Steps   []Step // the rules in their order, up to the one that decides
	Verdict Verdict
	Slow    bool
	Waits   bool          // the call is one that waits: only rules that name it decide about it
	Kernel  time.Duration // from which duration on the kernel side hands over calls like this; Never: it does not
}

// Step is one rule that was looked at.
type Step struct {
	Rule    string
	Matches bool
	Why     string // it does not match: the first condition that the call does not meet
}

// Explain judges a call as Judge does, and says why.
func (p *Policy) Explain(c Call) Explanation {
	var e Explanation
	e.Verdict, e.Slow = p.Judge(c)
	j := p.judge
	d := j.docket(c.Syscall)
	c.FDKind = d.kind(c.FDKind)
	e.Waits = d.waits(c.FDKind)
	e.Kernel = p.kernelThreshold(&c, d)
	if e.Verdict.Rule == overrideVerdict {
		return e
	}
	for i := range p.Rules {
		why := p.why(i, d, &c, e.Waits)
		e.Steps = append(e.Steps, Step{p.Rules[i].Name, why == "", why})
		if why == "" {
			break
		}
	}
	return e
}

// kernelThreshold is the floor of calls made there that end so, unless the kind of the call's
// descriptor exempts it.
func (p *Policy) kernelThreshold(c *Call, d *docket) time.Duration {
	if override, ok := p.judge.overrides[c.Syscall]; ok {
		return override
	}
	v := view{abi: c.ABI, area: p.AreaOf(*c)}
	if p.floor(d, v.on(c.FDKind)) == Never {
		return Never
	}
	return p.floor(d, v.ended(endingOf(c)))
}

// why is the first condition of a rule that a call does not meet; "" if it meets all.
func (p *Policy) why(i int, d *docket, c *Call, waits bool) string {
	r, j := &p.Rules[i], p.judge
	m := &j.rules[i]
	switch {
	case m.allCalls && waits:
		return "syscalls: it names no call, and this one waits"
	case !slices.Contains(d.rules, int32(i)):
		return "syscalls: " + c.Syscall + " is not in " + safeList(r.Syscalls)
	case m.abis != nil && !m.abis[c.ABI.String()]:
		return among("abis", c.ABI.String(), r.ABIs)
	case !j.units.rules[i].fit(c.units()):
		return among("units", c.units(), r.Units)
	case !j.cgroups.rules[i].fit(c.Cgroup):
		return among("cgroups", c.Cgroup, r.Cgroups)
	case !m.fitsContainer(c):
		return among("containers", strings.Trim(c.ContainerID+" "+c.Runtime, " "), r.Containers)
	case !j.comms.rules[i].fit(c.Comm):
		return among("comms", c.Comm, r.Comms)
	case !j.executables.rules[i].fit(c.Executable):
		return among("executables", c.Executable, r.Executables)
	case m.uids != nil && !m.uids[c.UID]:
		return fmt.Sprintf("uids: %d is not in %v", c.UID, r.UIDs)
	case m.fds != nil && !m.fds[fdWord(c.FDKind)]:
		return among("fd", fdWord(c.FDKind), r.FD)
	case !m.fitsPath(c):
		return among("paths", strings.Join(c.Paths, " "), r.Paths)
	case !m.fitsResult(c):
		return whyResult(r, c)
	case !m.fitsTimes(c):
		return whyTimes(r, c)
	}
	return ""
}

// among says that a value is none of a list's.
func among(key, value string, list []string) string {
	if value == "" {
		return fmt.Sprintf("%s: the call has none, and the rule wants %s", key, safeList(list))
	}
	return fmt.Sprintf("%s: %s is none of %s", key, printable(value), safeList(list))
}

func whyResult(r *Rule, c *Call) string {
	switch {
	case c.Open:
		return "result: the call has not returned"
	case len(r.Errnos) == 0 && r.Result == ResultFailed:
		return "result: the call succeeded"
	case len(r.Errnos) == 0:
		return "result: the call failed"
	case c.Errno == 0:
		return "errnos: the call succeeded"
	}
	return "errnos: it failed with none of " + safeList(r.Errnos)
}

func whyTimes(r *Rule, c *Call) string {
	for _, t := range []struct {
		key   string
		least Least
		took  time.Duration
	}{{"io_wait", r.IOWait, c.Times.IOWait}, {"runqueue", r.Runqueue, c.Times.Runqueue}, {"cpu", r.CPU, c.Times.CPU}} {
		switch {
		case t.least == Least{}:
		case !c.Times.Known:
			return t.key + ": it is not known where the call's time went"
		case !t.least.met(t.took, c.Duration):
			return fmt.Sprintf("%s: %s of %s is less than %s", t.key, FormatDuration(t.took), FormatDuration(c.Duration), t.least)
		}
	}
	return ""
}

// Unreachable names the rules that can never decide, because rules before them take
// all of their calls.
func (p *Policy) Unreachable() []string {
	var names []string
	for _, i := range p.judge.unreachable() {
		names = append(names, p.Rules[i].Name)
	}
	return names
}
