package agent

import (
	"errors"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/bpf"
)

// floorSets are the sets of floors that the kernel side has for the policy in force: it is told of a cgroup when
// the first call of it is handed over, since only then its path is known. The zero floorSets has none.
type floorSets struct {
	ofArea map[string]bpf.FloorSet
	seen   map[uint64]bool // cgroups that need not be looked at again
}

// maxAssigned bounds the cgroups that are told of, to what the kernel side has room for.
const maxAssigned = 8192

// assign tells the kernel side which rules can match where the call was made, so that it hands over
// no more from there than these could find slow. What cannot be told is handed over as before, and judged here.
func (a *Agent) assign(call *bpf.SlowCall, at place) {
	f := &a.session.floors
	if !at.known || f.seen[call.Cgroup] || len(f.seen) >= maxAssigned || !a.effective.Placed() {
		return
	}
	if f.seen == nil {
		f.seen = map[uint64]bool{}
	}
	f.seen[call.Cgroup] = true
	set, err := a.floorSet(a.effective.AreaOf(policyCall(call, at)))
	if err == nil {
		err = a.session.kernel.AssignCgroup(call.Cgroup, set)
	}
	if err != nil && !errors.Is(err, bpf.ErrNoRoom) {
		a.env.Log.Warn("the kernel side is not told which rules a cgroup has: it hands over more than it has to", "error", err)
	}
}

// floorSet is the set of an area, made when it is first asked for.
func (a *Agent) floorSet(area *policy.Area) (bpf.FloorSet, error) {
	f, p := &a.session.floors, a.effective
	if set, ok := f.ofArea[area.Key()]; ok {
		return set, nil
	}
	set, err := a.session.kernel.NewFloorSet(func(sc bpf.Syscall) (bpf.Floor, uint16, bool) {
		floors, differs := p.FloorsIn(area, sc)
		return kernelFloor(floors), floors.Exempt, differs
	})
	if err != nil {
		return bpf.FloorSet{}, err
	}
	if f.ofArea == nil {
		f.ofArea = map[string]bpf.FloorSet{}
	}
	f.ofArea[area.Key()] = set
	return set, nil
}

// forget is for a cgroup that is gone.
func (f *floorSets) forget(id uint64) { delete(f.seen, id) }

func kernelFloor(f policy.Floors) bpf.Floor {
	return bpf.Floor{OKNs: kernelNs(f.OK), FailedNs: kernelNs(f.Failed), OpenNs: kernelNs(f.Open)}
}

// kernelNs is a threshold as the kernel side has it.
func kernelNs(d time.Duration) uint64 {
	if d == policy.Never {
		return bpf.Never
	}
	return uint64(d)
}
