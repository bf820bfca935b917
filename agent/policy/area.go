package policy

import (
	"encoding/binary"
	"slices"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// Area is all places in which the same rules can match. nil is the whole host.
type Area struct{ rules bitset }

// Placed says whether any rule asks where a call is made: else there is one area.
func (p *Policy) Placed() bool {
	return slices.ContainsFunc(p.judge.rules, func(m matcher) bool { return m.placed })
}

// AreaOf is where a call was made: Units, Unit, Cgroup, ContainerID and Runtime tell, which are all
// of its cgroup.
func (p *Policy) AreaOf(c Call) *Area {
	j := p.judge
	units, cgroups := j.units.fits(c.units()), j.cgroups.fits(c.Cgroup)
	a := &Area{newBitset(len(j.rules))}
	for i := range j.rules {
		if units.has(i) && cgroups.has(i) && j.rules[i].fitsContainer(&c) {
			a.rules.add(i)
		}
	}
	return a
}

// and narrows one word of a set of rules.
func (a *Area) and(word int, set uint64) uint64 {
	if a == nil {
		return set
	}
	return a.rules.and(word, set)
}

// Key is the same for the same area of a policy.
func (a *Area) Key() string {
	var key []byte
	for _, word := range a.rules {
		key = binary.NativeEndian.AppendUint64(key, word)
	}
	return string(key)
}

// FloorsIn are the floors of an area's calls. False: they are those of the whole host.
func (p *Policy) FloorsIn(a *Area, sc bpf.Syscall) (Floors, bool) {
	if !p.judge.docket(syscalls.Name(sc)).placed {
		return Floors{}, false
	}
	here := p.Floors(sc, a)
	return here, here != p.Floors(sc, nil)
}
