package policy

import (
	"time"

	"github.com/syscountd/syscountd/bpf"
)

// Call is what the judge knows of a call.
type Call struct {
	Syscall     string // name, as syscalls.Name gives it
	ABI         bpf.ABI
	Unit        string   // systemd unit of the process; "" if none
	Units       string   // it and the slices around it, with spaces between them; "" is Unit alone
	Cgroup      string   // path of its cgroup
	ContainerID string   // "" outside of containers
	Runtime     string   // of the container; "" where it is not known
	Comm        string   // command name of the thread
	Executable  string   // path of the program
	UID         uint32   // real user id
	FDKind      string   // one of the FD constants
	Paths       []string // of what it is on, and those of its arguments

	Duration time.Duration // from entry to exit; of an open call, until now
	Times    Times
	Open     bool // it has not returned
	Errno    int  // 0: it succeeded

	Learned    time.Duration // the threshold that was learned for this unit and syscall; 0: none yet
	HasTimeout bool          // it asked for a time, and Overshoot is right
	Overshoot  time.Duration // beyond that time
}

// Times says where the time of a call went.
type Times struct {
	Known                 bool
	IOWait, Runqueue, CPU time.Duration
}

// Verdict says who decided about a call, and how.
type Verdict struct {
	Rule      string        // the rule's name, "default" or "override"
	Threshold time.Duration // Never: not slow, however long
	Auto      bool          // Threshold was learned or, while it was not, is that of [slow]
	Overshoot bool          // Threshold is one on the time beyond the call's time-out
	Rate      int           // slow records per second of this rule; 0: any number
	Severity  Severity
	Stack     bool // the caller's own stack is wanted
}

// reached says whether the call is slow.
func (v Verdict) reached(c *Call) bool {
	switch {
	case v.Threshold == Never:
		return false
	case v.Overshoot:
		return c.HasTimeout && c.Overshoot >= v.Threshold
	}
	return c.Duration >= v.Threshold
}

// verdictOf is what a rule says of a call that it matches.
func (p *Policy) verdictOf(r *Rule, c *Call) Verdict {
	v := Verdict{Rule: r.Name, Threshold: r.Threshold, Rate: r.Rate, Severity: r.Severity, Stack: r.Stack}
	switch {
	case r.Overshoot > 0:
		v.Threshold, v.Overshoot = r.Overshoot, true
	case r.Auto:
		v.Threshold, v.Auto = p.Slow.Threshold, true
		if c.Learned > 0 {
			v.Threshold = max(c.Learned, p.Learn.Floor)
		}
	}
	return v
}

// floorOf is the shortest duration of a call that a rule may find slow. One that took less
// than the overshoot cannot be late by it; one without a time-out is never late.
func (p *Policy) floorOf(r *Rule, d *docket) time.Duration {
	switch {
	case r.Auto:
		return min(p.Learn.Floor, p.Slow.Threshold)
	case r.Overshoot == 0:
		return r.Threshold
	case d.timeout:
		return r.Overshoot
	}
	return Never
}
