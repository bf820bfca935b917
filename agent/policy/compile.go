package policy

import (
	"slices"
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
		j.add(&p.Rules[i])
	}
	j.open(append(named, expandKnown([]string{syscalls.Wait, syscalls.FDWait})))
	for i := range p.Rules {
		j.assign(int32(i), named[i])
	}
	j.others.close(j.rules)
	for _, d := range j.calls {
		d.close(j.rules)
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

// close makes the docket's rules a set as well, and says whether any of them asks for a place.
func (d *docket) close(rules []matcher) {
	d.set = newBitset(len(rules))
	for _, i := range d.rules {
		d.set.add(int(i))
		d.placed = d.placed || rules[i].placed
	}
}

// add compiles a rule.
func (j *judge) add(r *Rule) {
	j.units.add(compileAll(r.Units, compileUnitGlob))
	j.cgroups.add(compileAll(r.Cgroups, compilePathGlob))
	j.comms.add(compileAll(r.Comms, compileGlob))
	j.executables.add(compileAll(r.Executables, compilePathGlob))
	m := matcher{
		allCalls: len(r.Syscalls) == 0, abis: setOf(r.ABIs), fds: setOf(r.FD), uids: setOf(r.UIDs),
		containers: compileAll(r.Containers, compileGlob), paths: compileAll(r.Paths, compilePathGlob),
		result: r.Result, ioWait: r.IOWait, runqueue: r.Runqueue, cpu: r.CPU,
	}
	for _, name := range r.Errnos {
		if m.errnos == nil {
			m.errnos = map[int]bool{}
		}
		m.errnos[errnos()[name]] = true
	}
	m.placed = len(r.Units)+len(r.Cgroups)+len(r.Containers) > 0
	asked := len(r.Comms) + len(r.Executables) + len(r.UIDs) + len(r.Paths)
	m.blind = asked > 0 || r.IOWait != Least{} || r.Runqueue != Least{} || r.CPU != Least{}
	j.rules = append(j.rules, m)
}

func compileAll[P pattern](texts []string, compile func(string) P) patterns {
	var all patterns
	for _, text := range texts {
		all = append(all, compile(text))
	}
	return all
}

// setOf is nil for an empty list.
func setOf[T comparable](list []T) map[T]bool {
	var set map[T]bool
	for _, v := range list {
		if set == nil {
			set = map[T]bool{}
		}
		set[v] = true
	}
	return set
}

// expandKnown expands names and groups and leaves out those that nobody knows.
func expandKnown(names []string) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names))) // a long list may name @known again and again
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
