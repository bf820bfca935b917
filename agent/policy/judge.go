package policy

import (
	"slices"
	"time"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// What a verdict names where no rule of the policy decided.
const (
	defaultVerdict  = "default"  // the threshold of [slow]
	overrideVerdict = "override" // a threshold set while running
)

// Call is what the judge knows of a finished call.
type Call struct {
	Syscall  string        // name, as syscalls.Name gives it
	Unit     string        // systemd unit of the process; "" if none
	Comm     string        // command name of the thread
	FDKind   string        // one of the FD constants
	Duration time.Duration // from entry to exit
}

// Verdict says who decided about a call, and how.
type Verdict struct {
	Rule      string        // the rule's name, "default" or "override"
	Threshold time.Duration // Never: not slow, however long
	Severity  Severity
	Stack     bool // the caller's own stack is wanted
}

// judge is a policy compiled for quick decisions: for each syscall's name the few
// rules that can match it at all. It is never changed once it is made.
type judge struct {
	rules     []matcher
	calls     map[string]*docket
	others    *docket // of the names that are not in calls
	overrides map[string]time.Duration
}

// matcher is a compiled rule.
type matcher struct {
	units, comms []glob
	fds          map[string]bool // nil: any
	allCalls     bool            // names no syscall: decides about all that do not wait
}

// docket is what concerns one syscall.
type docket struct {
	rules  []int32       // that can match it, in their order
	wait   bool          // it is in @wait
	fdWait bool          // it is in @fdwait
	opens  bool          // its fd is the one that it returns
	floor  time.Duration // the lowest threshold that could apply
}

func newDocket(syscall string) *docket {
	return &docket{
		wait:   syscalls.In(syscalls.Wait, syscall),
		fdWait: syscalls.In(syscalls.FDWait, syscall),
		opens:  opens(syscall),
	}
}

// kind corrects what the kernel side saw at the end of the call: a read without an
// fd is one whose fd was closed meanwhile.
func (d *docket) kind(seen string) string {
	if seen == FDNone && d.fdWait && !d.opens {
		return FDUnknown
	}
	return seen
}

// waits says whether the call is one that waits when it is on this kind of fd.
func (d *docket) waits(kind string) bool {
	return d.wait || d.fdWait && waitsOn(kind)
}

// Judge decides about a call: the override, or the first rule that matches, or else
// the default threshold, which calls that wait are exempt from. Slow is whether the
// call reached the threshold of the verdict.
func (p *Policy) Judge(c Call) (v Verdict, slow bool) {
	v = p.verdict(c)
	return v, v.Threshold != Never && c.Duration >= v.Threshold
}

func (p *Policy) verdict(c Call) Verdict {
	j := p.judge
	if d, ok := j.overrides[c.Syscall]; ok {
		return Verdict{Rule: overrideVerdict, Threshold: d, Severity: Warning}
	}
	docket := j.docket(c.Syscall)
	c.FDKind = docket.kind(c.FDKind)
	waits := docket.waits(c.FDKind)
	for _, i := range docket.rules {
		if j.rules[i].matches(c, waits) {
			r := &p.Rules[i]
			return Verdict{r.Name, r.Threshold, r.Severity, r.Stack}
		}
	}
	if waits {
		return Verdict{Rule: defaultVerdict, Threshold: Never, Severity: Warning}
	}
	return Verdict{Rule: defaultVerdict, Threshold: p.Slow.Threshold, Severity: Warning}
}

// Floor is the lowest threshold that could apply to any call of this syscall; no
// call shorter than it is slow. Never if no call of it can be.
func (p *Policy) Floor(sc bpf.Syscall) time.Duration {
	name := syscalls.Name(sc)
	if d, ok := p.judge.overrides[name]; ok {
		return d
	}
	return p.judge.docket(name).floor
}

// Exempt are the kinds of descriptors on which no call of this syscall can be slow,
// as bits 1 << bpf.FDKind: the kernel side need not hand it over.
func (p *Policy) Exempt(sc bpf.Syscall) (kinds uint16) {
	name := syscalls.Name(sc)
	if _, ok := p.judge.overrides[name]; ok {
		return 0
	}
	docket := p.judge.docket(name)
	for kind := bpf.FDKind(0); kind.String() != "" || kind == 0; kind++ {
		if p.floorOn(docket, docket.kind(kind.String())) == Never {
			kinds |= 1 << kind
		}
	}
	return kinds
}

// UserStack says whether a rule that may decide about this syscall wants the caller's stack.
func (p *Policy) UserStack(sc bpf.Syscall) bool {
	return slices.ContainsFunc(p.judge.docket(syscalls.Name(sc)).rules, func(i int32) bool { return p.Rules[i].Stack })
}

// floorOn is floor for calls on one kind of descriptor.
func (p *Policy) floorOn(d *docket, kind string) time.Duration {
	lowest, waits := Never, d.waits(kind)
	for _, i := range d.rules {
		m := &p.judge.rules[i]
		if m.allCalls && waits || m.fds != nil && !m.fds[fdWord(kind)] {
			continue
		}
		lowest = min(lowest, p.Rules[i].Threshold)
		if len(m.units) == 0 && len(m.comms) == 0 {
			return lowest
		}
	}
	if waits {
		return lowest
	}
	return min(lowest, p.Slow.Threshold)
}

// WithThreshold gives a copy of the policy in which a threshold for these syscalls
// (names or @groups) comes before all rules, whatever the unit, the command or
// the fd; verdicts name it "override". A later one for the same call wins. Names that
// nobody knows do nothing: ask syscalls.Expand before. A threshold under 1 us becomes 1 us.
func (p *Policy) WithThreshold(names []string, d time.Duration) *Policy {
	overrides := map[string]time.Duration{}
	for name, old := range p.judge.overrides {
		overrides[name] = old
	}
	for _, name := range expandKnown(names) {
		overrides[name] = max(d, MinThreshold)
	}
	changed := *p
	changed.compile(overrides)
	return &changed
}

func (j *judge) docket(name string) *docket {
	if d, ok := j.calls[name]; ok {
		return d
	}
	return j.others
}

func (m *matcher) matches(c Call, waits bool) bool {
	switch {
	case m.allCalls && waits:
		return false
	case m.fds != nil && !m.fds[fdWord(c.FDKind)]:
		return false
	}
	return matchAny(m.units, c.Unit) && matchAny(m.comms, c.Comm)
}

// always says whether a rule matches every call of a docket.
func (m *matcher) always(d *docket) bool {
	return len(m.units) == 0 && len(m.comms) == 0 && m.fds == nil && !(m.allCalls && d.fdWait)
}
