package policy

import (
	"time"

	"github.com/syscountd/syscountd/agent/syscalls"
)

// compile makes the judge of a policy whose rules are right: Parse has checked
// them, and a test the default ones.
func (p *Policy) compile(overrides map[string]time.Duration) {
	j := &judge{calls: map[string]*docket{}, others: &docket{}, overrides: overrides}
	named := make([][]string, len(p.Rules))
	for i := range p.Rules {
		named[i] = expandKnown(p.Rules[i].Syscalls)
		j.rules = append(j.rules, compileRule(&p.Rules[i]))
	}
	j.open(append(named, expandKnown([]string{syscalls.Wait, syscalls.FDWait})))
	for i := range p.Rules {
		j.assign(int32(i), named[i])
	}
	j.others.floor = p.floor(j, j.others)
	for _, d := range j.calls {
		d.floor = p.floor(j, d)
	}
	p.judge = j
}

// open makes a docket for every name that needs one of its own.
func (j *judge) open(named [][]string) {
	for _, names := range named {
		for _, name := range names {
			if j.calls[name] == nil {
				j.calls[name] = newDocket(name)
			}
		}
	}
}

// assign puts a rule into the dockets of the calls that it is about.
func (j *judge) assign(rule int32, names []string) {
	if !j.rules[rule].allCalls {
		for _, name := range names {
			j.calls[name].rules = append(j.calls[name].rules, rule)
		}
		return
	}
	j.others.rules = append(j.others.rules, rule)
	for _, d := range j.calls {
		if !d.wait {
			d.rules = append(d.rules, rule)
		}
	}
}

// floor is the lowest threshold that a rule of the docket, or the default if the
// rules let a call through to it, could apply.
func (p *Policy) floor(j *judge, d *docket) time.Duration {
	lowest := Never
	for _, i := range d.rules {
		lowest = min(lowest, p.Rules[i].Threshold)
		if j.rules[i].always(d) {
			return lowest
		}
	}
	if d.wait {
		return lowest
	}
	return min(lowest, p.Slow.Threshold)
}

func compileRule(r *Rule) matcher {
	m := matcher{allCalls: len(r.Syscalls) == 0}
	for _, pattern := range r.Units {
		m.units = append(m.units, compileGlob(pattern))
	}
	for _, pattern := range r.Comms {
		m.comms = append(m.comms, compileGlob(pattern))
	}
	for _, word := range r.FD {
		if m.fds == nil {
			m.fds = map[string]bool{}
		}
		m.fds[word] = true
	}
	return m
}

// expandKnown expands names and groups and leaves out those that nobody knows.
func expandKnown(names []string) []string {
	if all, err := syscalls.Expand(names); err == nil {
		return all
	}
	var known []string
	for _, name := range names {
		if members, err := syscalls.Expand([]string{name}); err == nil {
			known = append(known, members...)
		}
	}
	unique, _ := syscalls.Expand(known) // all of them are known
	return unique
}
