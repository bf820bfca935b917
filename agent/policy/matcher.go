package policy

import "slices"

// matcher is a compiled rule, but for what the judge's memos know of it.
type matcher struct {
	allCalls   bool            // names no syscall: decides about all that do not wait
	abis       map[string]bool // nil: any
	fds        map[string]bool // nil: any
	uids       map[uint32]bool // nil: any
	errnos     map[int]bool    // nil: any
	containers patterns
	paths      patterns
	result     string

	ioWait, runqueue, cpu Least

	// blind: it has a condition that only user space can look at, so that for the
	// kernel side it may match a call or not.
	blind bool
	// placed: it has one that the path of the cgroup decides, see Place.
	placed bool
}

// matches says whether the rule's own conditions are met; those on units, cgroups, commands and
// programs the memos know.
func (m *matcher) matches(c *Call, waits bool) bool {
	return !(m.allCalls && waits) && m.fitsCall(c) && m.fitsResult(c) && m.fitsTimes(c)
}

func (m *matcher) fitsCall(c *Call) bool {
	return (m.fds == nil || m.fds[fdWord(c.FDKind)]) &&
		(m.abis == nil || m.abis[c.ABI.String()]) &&
		(m.uids == nil || m.uids[c.UID]) &&
		m.fitsContainer(c) && m.fitsPath(c)
}

// fitsContainer: a call outside of containers is in none that a pattern could name.
func (m *matcher) fitsContainer(c *Call) bool {
	if len(m.containers) == 0 {
		return true
	}
	return c.ContainerID != "" && m.containers.fit(c.ContainerID) || c.Runtime != "" && m.containers.fit(c.Runtime)
}

func (m *matcher) fitsPath(c *Call) bool {
	return len(m.paths) == 0 || slices.ContainsFunc(c.Paths, m.paths.fit)
}

// fitsResult: a call that has not returned has no result yet.
func (m *matcher) fitsResult(c *Call) bool {
	switch {
	case m.result == "" && m.errnos == nil:
		return true
	case c.Open:
		return false
	case m.errnos != nil:
		return m.errnos[c.Errno]
	}
	return (m.result == ResultFailed) == (c.Errno != 0)
}

// fitsTimes: where a call's time is not known, no rule that asks for it matches.
func (m *matcher) fitsTimes(c *Call) bool {
	if m.ioWait == (Least{}) && m.runqueue == (Least{}) && m.cpu == (Least{}) {
		return true
	}
	t := c.Times
	return t.Known && m.ioWait.met(t.IOWait, c.Duration) && m.runqueue.met(t.Runqueue, c.Duration) && m.cpu.met(t.CPU, c.Duration)
}

// always says whether a rule matches every call of a docket.
func (m *matcher) always(d *docket) bool {
	return m.abis == nil && m.mustMatch(d, &view{})
}
