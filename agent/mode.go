package agent

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// modes are the ways to measure calls, by their names in the policy.
var modes = map[string]bpf.Mode{"account": bpf.ModeAccount, "count": bpf.ModeCount, "watch": bpf.ModeWatch}

// setMode measures calls in another way; the rows, and what is known of the calls in
// flight, stay as long as the maps are fit for it.
func (a *Agent) setMode(who *Caller, mode string) error {
	if _, known := modes[mode]; !known && mode != policy.ModeAuto {
		return refuse(ErrInvalid, "mode %.40q is unknown; give %s or %s", mode,
			strings.Join(slices.Sorted(maps.Keys(modes)), " or "), policy.ModeAuto)
	}
	if mode == a.wantedMode(a.policy, a.mode) {
		return nil
	}
	before, at := a.effective.Collect.Mode, a.env.Now()
	climb := a.climbOf(a.policy, mode)
	next := a.resolved(overridden(a.policy, a.overrides), mode, climb)
	if a.session != nil {
		var err error
		if at, err = a.change(next, a.filter.Syscalls); err != nil {
			return refuse(ErrKernel, "set mode %s: %v", mode, err)
		}
	}
	a.mode, a.effective, a.budget.climb = mode, next, climb
	if a.session != nil {
		a.beginInterval(at)
		a.beginStep()
	}
	detail := "it was " + before
	if note := a.ladderNote(); note != "" {
		detail += "; " + note
	}
	a.stateAt(at, record.ChangeMode, who, detail)
	return nil
}

// switchTo ends the interval at the moment when the kernel side changes its mode, so
// that no summary mixes two of them.
func (a *Agent) switchTo(next *policy.Policy, only []string) (time.Time, error) {
	at, options := a.env.Now(), OptionsOf(next, only)
	change := a.switchKernel
	if a.session.kernel.Options().Same(options) {
		change = a.session.kernel.Switch // which notes what else is asked for
	}
	ns, err := change(options)
	if err != nil {
		return at, err
	}
	if !a.session.kernel.Options().Same(OptionsOf(a.effective, nil)) {
		at = a.wall(ns)
	}
	a.endIntervalAt(at, false)
	return at, nil
}

// switchKernel changes the mode of the kernel side. What a keeper holds stays attached,
// whatever we detach: so it lets go of it before, and gets it again. Who is killed in
// between leaves a gap.
func (a *Agent) switchKernel(to bpf.Options) (atNs uint64, err error) {
	kept := a.accounts.kept
	a.release()
	atNs, err = a.session.kernel.Switch(to)
	if kept {
		a.keep()
	}
	return atNs, err
}

// modeName is the inverse of modes.
func modeName(mode bpf.Mode) string {
	for name, m := range modes {
		if m == mode {
			return name
		}
	}
	return ""
}

// withMode is a policy with another mode; "" is its own.
func withMode(p *policy.Policy, mode string) *policy.Policy {
	if mode == "" {
		return p
	}
	next := *p
	next.Collect.Mode = mode
	return &next
}
