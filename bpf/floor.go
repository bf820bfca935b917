package bpf

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Floor is from which duration on a call could be slow, by how it ended; Never: it is not.
// The zero Floor holds nothing back.
type Floor struct {
	OKNs, FailedNs uint64
	OpenNs         uint64 // it has not ended: a sweep looks at it
}

// FloorSet is a set of floors for the calls of some cgroups, until the next SetSyscalls.
type FloorSet struct {
	Numbering uint32 // of the sets since that
	Set       uint16
}

// maxFloorSets bounds the work that the many different cgroups of a host make.
const maxFloorSets = 64

// ErrNoRoom is what NewFloorSet and AssignCgroup say when the kernel's tables are full.
var ErrNoRoom = errors.New("the tables of floors are full")

// NewFloorSet makes a set: for each syscall its floor, and the kinds of descriptors on which it is never slow, as
// bits 1 << FDKind. differs is false where both are as SetSyscalls has them, which takes no room. After ErrNoRoom
// there is no such set, and all else is as before.
func (t *Tracer) NewFloorSet(of func(Syscall) (f Floor, exempt uint16, differs bool)) (FloorSet, error) {
	t.replaced.RLock()
	defer t.replaced.RUnlock()
	if t.floorSets >= maxFloorSets {
		return FloorSet{}, ErrNoRoom
	}
	t.floorSets++
	made := FloorSet{Set: uint16(t.floorSets)}
	if err := t.objs.Numbering.Get(&made.Numbering); err != nil {
		return FloorSet{}, fmt.Errorf("read the numbering of floors: %w", err)
	}
	for slot := range allSlots {
		sc, ok := syscallOf(slot)
		if !ok {
			continue
		}
		f, exempt, differs := of(sc)
		if !differs {
			continue
		}
		key := syscountFloorKey{Numbering: made.Numbering, Set: made.Set, Syscall: uint16(slot)}
		if err := t.objs.Floors.Put(&key, kernelFloor(f, exempt)); err != nil {
			return FloorSet{}, roomError("add a floor", err)
		}
	}
	return made, nil
}

func kernelFloor(f Floor, exempt uint16) syscountFloor {
	return syscountFloor{OkNs: f.OKNs, FailedNs: f.FailedNs, OpenNs: f.OpenNs, Exempt: exempt}
}

// AssignCgroup has the calls made in a cgroup go by a set, until the next SetSyscalls or DeleteCgroup.
// A set that is from before the last SetSyscalls changes nothing.
func (t *Tracer) AssignCgroup(id uint64, to FloorSet) error {
	t.replaced.RLock()
	defer t.replaced.RUnlock()
	key := syscountAssignmentKey{Cgroup: id, Numbering: to.Numbering}
	if err := t.objs.Assignments.Put(&key, uint32(to.Set)); err != nil {
		return roomError("assign a cgroup", err)
	}
	return nil
}

func roomError(what string, err error) error {
	if errors.Is(err, unix.E2BIG) {
		return ErrNoRoom
	}
	return fmt.Errorf("%s: %w", what, err)
}

// unassign frees a cgroup that is gone.
func (t *Tracer) unassign(id uint64) error {
	key := syscountAssignmentKey{Cgroup: id}
	if err := t.objs.Numbering.Get(&key.Numbering); err != nil {
		return fmt.Errorf("read the numbering of floors: %w", err)
	}
	if err := t.objs.Assignments.Delete(&key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("free a cgroup's floors: %w", err)
	}
	return nil
}

// voidFloors lets all cgroups go by the floors of all rules together, from the moment on that the
// numbering is another one; then it frees what was of earlier ones.
func (t *Tracer) voidFloors() error {
	var numbering uint32
	if err := t.objs.Numbering.Get(&numbering); err != nil {
		return fmt.Errorf("read the numbering of floors: %w", err)
	}
	if numbering == math.MaxUint32 {
		return errors.New("the floors have changed four thousand million times")
	}
	if err := t.objs.Numbering.Set(numbering + 1); err != nil {
		return fmt.Errorf("begin another numbering of floors: %w", err)
	}
	t.floorSets = 0
	if err := errors.Join(empty[syscountAssignmentKey, uint32](t.objs.Assignments),
		empty[syscountFloorKey, syscountFloor](t.objs.Floors)); err != nil {
		return fmt.Errorf("free the floors that were in force: %w", err)
	}
	return nil
}
