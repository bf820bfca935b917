package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"

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
	if err := errors.Join(
		replaceKeys(t.objs.TargetNames, choices(cgroupName, f.CgroupNames, f.ExcludedCgroupNames)),
		replaceKeys(t.objs.TargetCgroups, choices(itself[uint64], f.CgroupIDs, nil)),
		replaceKeys(t.objs.TargetComms, choices(comm, f.Comms, f.ExcludedComms)),
		replaceKeys(t.objs.TargetUsers, choices(itself[uint32], f.Users, nil))); err != nil {
		return fmt.Errorf("set the targets: %w", err)
	}
	cgroups := len(f.CgroupNames) + len(f.CgroupIDs)
	owners := len(f.Users) + len(f.Comms)
	byCgroup, byOwner := cgroups+len(f.ExcludedCgroupNames) > 0, owners+len(f.ExcludedComms) > 0
	if err := errors.Join(
		t.objs.FilterChildren.Set(bit(f.Children)),
		t.objs.Family.Set(next),
		t.objs.FilterPids.Set(bit(len(f.PIDFDs) > 0)),
		t.objs.FilterCgroups.Set(bit(byCgroup)),
		t.objs.FilterOwners.Set(bit(byOwner)),
		t.objs.FilterSubjects.Set(bit(byCgroup || byOwner)),
		t.objs.FilterTargets.Set(bit(len(f.PIDFDs)+cgroups+owners > 0)),
		t.objs.WantedErrors.Set(f.wantedErrors()),
		t.objs.FilterResults.Set(bit(f.Failed || len(f.Errnos) > 0))); err != nil {
		return fmt.Errorf("switch the filter: %w", err)
	}
	return t.decideAnew()
}

// decideAnew lets each thread's next call ask whether it is observed.
func (t *Tracer) decideAnew() error {
	if err := t.setInForce(t.filter+1, t.mode); err != nil {
		return fmt.Errorf("put the filter in force: %w", err)
	}
	t.filter++
	return nil
}

// setInForce sets the word with which the kernel side compares what it knows of the thread of each call.
func (t *Tracer) setInForce(filter uint32, mode Mode) error {
	return t.objs.InForce.Set(&syscountValidity{Generation: filter, Mode: uint32(mode)})
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
	return t.decideAnew()
}

// wantedErrors has a bit for each error.
func (f Filter) wantedErrors() (words [syscountErrorsERROR_WORDS]uint64) {
	for _, errno := range f.Errnos {
		words[errno/64%len(words)] |= 1 << (errno % 64)
	}
	if f.Failed {
		for i := range words {
			words[i] = ^uint64(0)
		}
	}
	return words
}

func itself[K any](key K) K { return key }

func cgroupName(name string) (key syscountCgroupName) {
	copy(key.Name[:len(key.Name)-1], name)
	return key
}

func comm(name string) (key syscountComm) {
	var bytes [16]byte
	copy(bytes[:len(bytes)-1], name)
	for i := range key.Words {
		key.Words[i] = binary.NativeEndian.Uint64(bytes[8*i:])
	}
	return key
}

// choices are the keys of what is observed and of what is excluded; some may be both.
func choices[K comparable, N any](key func(N) K, targets, excluded []N) map[K]uint8 {
	all := map[K]uint8{}
	for _, name := range targets {
		all[key(name)] |= uint8(syscountChoiceCHOICE_TARGET)
	}
	for _, name := range excluded {
		all[key(name)] |= uint8(syscountChoiceCHOICE_EXCLUDED)
	}
	return all
}

// replaceKeys makes keys the whole content of a map. What stays is not touched: a
// filter that is put in force once more misses nobody meanwhile. The map has no room for
// two filters.
func replaceKeys[K comparable](of *ebpf.Map, keys map[K]uint8) error {
	var key K
	var value uint8
	old := map[K]uint8{}
	entries := of.Iterate()
	for entries.Next(&key, &value) {
		old[key] = value
	}
	if err := entries.Err(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for k := range old {
		if _, stays := keys[k]; stays {
			continue
		}
		if err := of.Delete(&k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("delete: %w", err)
		}
	}
	for k, choice := range keys {
		if old[k] == choice {
			continue
		}
		if err := of.Put(&k, choice); err != nil {
			return fmt.Errorf("add: %w", err)
		}
	}
	return nil
}
