package agent

import (
	"maps"
	"slices"
	"strings"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// modes are the ways to measure calls, by their names in the policy.
var modes = map[string]bpf.Mode{"account": bpf.ModeAccount, "count": bpf.ModeCount, "watch": bpf.ModeWatch}

// setMode loads the programs anew: what a mode does not need is not in them.
func (a *Agent) setMode(who *Caller, mode string) error {
	if _, known := modes[mode]; !known && mode != policy.ModeAuto {
		return refuse(ErrInvalid, "mode %.40q is unknown; give %s or %s", mode,
			strings.Join(slices.Sorted(maps.Keys(modes)), " or "), policy.ModeAuto)
	}
	if mode == a.wantedMode(a.policy, a.mode) {
		return nil
	}
	climb := a.climbOf(a.policy, mode)
	next := a.resolved(overridden(a.policy, a.overrides), mode, climb)
	if a.session != nil {
		if err := a.reconfigure(next, a.targets, a.filter); err != nil {
			return refuse(ErrKernel, "set mode %s: %v", mode, err)
		}
	}
	a.mode, a.effective, a.budget.climb = mode, next, climb
	if a.session != nil {
		a.beginInterval()
		a.beginStep()
	}
	a.state(record.ChangeMode, who, a.ladderNote())
	return nil
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
