package agent

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/procinfo"
)

const (
	// offspringEach is how often we look for new children. The kernel side observes
	// them from their birth on; this finds those that were born just before the filter
	// took force, and tells when the last one has ended.
	offspringEach = time.Second
	// maxOffspring bounds the processes that are held, each by a descriptor.
	maxOffspring = 1024
)

// descendants are the processes that come from any of the roots, without these, in
// ascending order. parents has the parent of each process.
func descendants(parents map[uint32]uint32, roots []uint32) []uint32 {
	children := map[uint32][]uint32{}
	for pid, parent := range parents {
		children[parent] = append(children[parent], pid)
	}
	seen := map[uint32]bool{}
	for _, root := range roots {
		seen[root] = true
	}
	var found []uint32
	for next := slices.Clone(roots); len(next) > 0; next = next[1:] {
		for _, child := range children[next[0]] {
			if !seen[child] {
				seen[child] = true
				found = append(found, child)
				next = append(next, child)
			}
		}
	}
	slices.Sort(found)
	return found
}

// holdOffspring holds the offspring of the targets that is not held yet, and says
// whether there was any. Who was found by a number is asked for its parent again once
// it is held: the number may have become another's.
func (a *Agent) holdOffspring(t *targets) (added bool) {
	parents, err := procinfo.Parents(a.env.Proc)
	if err != nil {
		a.env.Log.Error("look for the children of the filter's processes", "error", err)
		return false
	}
	living := t.living()
	var held []*process
	for _, pid := range descendants(parents, living) {
		if len(t.processes)+len(held) >= maxOffspring {
			a.env.Log.Warn("too many children of the filter's processes: whether the rest has ended is not known", "held", maxOffspring)
			break
		}
		if p, err := hold(pid); err == nil { // else it has ended
			p.offspring = true
			held = append(held, p)
		}
	}
	if len(held) == 0 {
		return false
	}
	still, err := procinfo.Parents(a.env.Proc)
	if err != nil {
		closeAll(held)
		return false
	}
	ours := descendants(still, living)
	for _, p := range held {
		if _, found := slices.BinarySearch(ours, p.pid); !found {
			p.file.Close()
			continue
		}
		t.watch(p)
		added = true
	}
	return added
}

// untilOffspring is when to look for children next; false: never.
func (a *Agent) untilOffspring() (time.Duration, bool) {
	if !a.filter.Children || a.session == nil {
		return 0, false
	}
	return a.nextOffspring - a.mono(), true
}

// followOffspring puts new children into the filter.
func (a *Agent) followOffspring() {
	a.nextOffspring = a.mono() + offspringEach
	if !a.holdOffspring(a.targets) && !a.targets.stale {
		return
	}
	// One of them may have ended since; the next look tries again without it.
	err := a.session.kernel.ExtendFilter(a.targets.pidfds())
	a.targets.stale = err != nil
	if err != nil && !errors.Is(err, unix.ESRCH) {
		a.env.Log.Error("observe the children of the filter's processes", "error", err)
	}
}
