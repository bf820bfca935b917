package bpf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// SetFilter replaces what is observed. A verdict is made anew for each thread
// on its next call; calls in flight of threads that are left out are dropped
// and counted as refiltered.
func (t *Tracer) SetFilter(f Filter) error {
	next := t.filter + 1
	for _, fd := range f.PIDFDs {
		if err := t.objs.Marks.Put(int32(fd), next); err != nil {
			return fmt.Errorf("mark a process: %w", err)
		}
	}
	if err := errors.Join(replaceKeys[syscountCgroupName](t.objs.TargetNames, cgroupNames(f.CgroupNames)),
		replaceKeys[uint64](t.objs.TargetCgroups, f.CgroupIDs)); err != nil {
		return fmt.Errorf("set the target cgroups: %w", err)
	}
	if err := errors.Join(t.objs.FilterChildren.Set(bit(f.Children)), t.objs.Family.Set(next), t.objs.FilterPids.Set(bit(len(f.PIDFDs) > 0)),
		t.objs.FilterCgroups.Set(bit(len(f.CgroupNames)+len(f.CgroupIDs) > 0))); err != nil {
		return fmt.Errorf("switch the filter: %w", err)
	}
	if err := t.objs.Generation.Set(next); err != nil {
		return fmt.Errorf("put the filter in force: %w", err)
	}
	t.filter = next
	return nil
}

// ExtendFilter adds processes to those of the filter in force, which may be among them,
// and leaves the rest of it, with the children that the kernel side has found itself.
func (t *Tracer) ExtendFilter(pidfds []int) error {
	var family uint32
	if err := t.objs.Family.Get(&family); err != nil {
		return fmt.Errorf("read the mark of the filter: %w", err)
	}
	for _, fd := range pidfds {
		if err := t.objs.Marks.Put(int32(fd), family); err != nil {
			return fmt.Errorf("mark a process: %w", err)
		}
	}
	next := t.filter + 1
	if err := t.objs.Generation.Set(next); err != nil {
		return fmt.Errorf("put the filter in force: %w", err)
	}
	t.filter = next
	return nil
}

func cgroupNames(names []string) []syscountCgroupName {
	keys := make([]syscountCgroupName, len(names))
	for i, name := range names {
		copy(keys[i].Name[:len(keys[i].Name)-1], name)
	}
	return keys
}

// replaceKeys makes keys the whole content of a set. What stays is not touched: a
// filter that is put in force once more misses nobody meanwhile. The set has no room for
// two filters.
func replaceKeys[K comparable](set *ebpf.Map, keys []K) error {
	var key K
	var value uint8
	var old []K
	entries := set.Iterate()
	for entries.Next(&key, &value) {
		old = append(old, key)
	}
	if err := entries.Err(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for _, k := range old {
		if slices.Contains(keys, k) {
			continue
		}
		if err := set.Delete(&k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("delete: %w", err)
		}
	}
	for _, k := range keys {
		if err := set.Put(&k, uint8(1)); err != nil {
			return fmt.Errorf("add: %w", err)
		}
	}
	return nil
}
