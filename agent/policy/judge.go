package policy

import (
	"math/bits"
	"slices"
	"time"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// What a verdict names where no rule of the policy decided.
const (
	defaultVerdict  = "default"  // the threshold of [slow]
	overrideVerdict = "override" // a threshold set while running
)

// judge is a policy compiled for quick decisions: for each syscall's name the rules that
// can match it at all, and what is known of the units and commands that came before. But
// for these memos it is never changed once it is made.
type judge struct {
	rules     []matcher
	calls     map[string]*docket
	others    *docket // of the names that are not in calls
	overrides map[string]time.Duration

	units, cgroups, comms, executables memo

	anywhere floorMemo
}

// docket is what concerns one syscall.
type docket struct {
	rules   []int32 // that can match it, in their order
	set     bitset  // the same
	wait    bool    // it is in @wait
	fdWait  bool    // it is in @fdwait
	opens   bool    // its fd is the one that it returns
	timeout bool    // it may ask for a time
	placed  bool    // some of its rules ask where a call is made
}

func newDocket(syscall string) *docket {
	return &docket{
		wait:    syscalls.In(syscalls.Wait, syscall),
		fdWait:  syscalls.In(syscalls.FDWait, syscall),
		opens:   opens(syscall),
		timeout: decode.TakesTimeout(syscall),
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
	v = p.verdict(&c)
	return v, v.reached(&c)
}

func (p *Policy) verdict(c *Call) Verdict {
	j := p.judge
	if d, ok := j.overrides[c.Syscall]; ok {
		return Verdict{Rule: overrideVerdict, Threshold: d, Severity: Warning}
	}
	docket := j.docket(c.Syscall)
	c.FDKind = docket.kind(c.FDKind)
	waits := docket.waits(c.FDKind)
	if i := j.first(docket, c, waits); i >= 0 {
		return p.verdictOf(&p.Rules[i], c)
	}
	v := Verdict{Rule: defaultVerdict, Threshold: p.Slow.Threshold, Severity: Warning}
	if waits {
		v.Threshold = Never
	}
	return v
}

// first is the first rule that matches; -1: none does.
func (j *judge) first(d *docket, c *Call, waits bool) int {
	units, cgroups, comms, executables := j.units.fits(c.units()), j.cgroups.fits(c.Cgroup), j.comms.fits(c.Comm), j.executables.fits(c.Executable)
	for word, set := range d.set {
		set = units.and(word, cgroups.and(word, comms.and(word, executables.and(word, set))))
		for ; set != 0; set &= set - 1 {
			if i := word*64 + bits.TrailingZeros64(set); j.rules[i].matches(c, waits) {
				return i
			}
		}
	}
	return -1
}

// Learns says whether a rule that may decide about this syscall wants its thresholds to be learned.
func (p *Policy) Learns(syscall string) bool {
	return learnable(syscall) && slices.ContainsFunc(p.judge.docket(syscall).rules, func(i int32) bool { return p.Rules[i].Auto })
}

// LearnsAny says whether any rule wants thresholds to be learned.
func (p *Policy) LearnsAny() bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Auto })
}

// learnable: what a call usually takes says something about it. Of those that wait it says when
// others have something to tell; and one number for files and sockets says nothing of either.
func learnable(syscall string) bool {
	return !syscalls.In(syscalls.Wait, syscall) && !syscalls.In(syscalls.FDWait, syscall)
}

// UserStack says whether a rule that may decide about this syscall wants the caller's stack.
func (p *Policy) UserStack(sc bpf.Syscall) bool {
	return slices.ContainsFunc(p.judge.docket(syscalls.Name(sc)).rules, func(i int32) bool { return p.Rules[i].Stack })
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
