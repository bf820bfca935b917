package bpf

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/syscountd/syscountd/agent/histogram"
)

// earlyCalls are the lists of young processes' first calls (bpf/early.h), in memory that is
// shared with the kernel side. It takes free places, and only it writes into one that is taken.
type earlyCalls struct {
	mapped[syscountEarlyList]
	far  *ebpf.Map // of those that found no place there
	rows earlyRows
}

func mapEarlyCalls(lists, far *ebpf.Map) (e earlyCalls, err error) {
	e.far = far
	e.mapped, err = mapValues[syscountEarlyList](lists)
	return e, err
}

// earlyCPU is the CPU of the rows that are made of lists, which has no number: what the list
// does not take of the same calls is in rows of other CPUs. The numbers below it are those of the rows of lists that are
// further away: each makes rows of its own, so that not all have to be at hand at once.
const (
	earlyCPU    = ^uint16(0)
	farEarlyCPU = earlyCPU - 1
	lastFarCPU  = farEarlyCPU - uint16(syscountEarlyEARLY_LISTS) + 1
)

// The layout of an entry: enum early of syscount.h.
const (
	earlyWhat          = 32 // where the upper half begins
	earlySyscall       = uint64(syscountEarlyEARLY_SYSCALL) << earlyWhat
	earlyError         = uint64(syscountEarlyEARLY_ERROR) << earlyWhat
	earlyTimed         = uint64(syscountEarlyEARLY_TIMED) << earlyWhat
	earlyIntervalShift = earlyWhat + int(syscountEarlyEARLY_INTERVAL_SHIFT)
	earlyIntervals     = 1<<(64-earlyIntervalShift) - 1 // mask
)

// owner is whose list it is: a process, as in the keys of rows. False: nobody's, or the kernel
// side is about to take it, and its parts have not come through in their order.
func (l *syscountEarlyList) owner() (syscountRowKey, bool) {
	pid := atomic.LoadUint32(&l.Pid)
	return syscountRowKey{Group: l.Group, Pid: pid, Cpu: earlyCPU}, pid != 0 && l.Group != 0
}

// each calls fn with the rows that the lists make, a process after the other; the extremes are of that interval. A
// process may have several lists: a thread may have taken the leader's place, or the filter has changed.
func (e *earlyCalls) each(interval uint32, fn func(*syscountRowKey, *syscountRow)) error {
	e.eachNear(interval, fn)
	return eachEntry(e.far, func(key *syscountListKey, list *syscountEarlyList) {
		if owner, ok := list.owner(); ok {
			owner.Cpu = farEarlyCPU - uint16(key.Ordinal)
			e.rows.add(list, interval)
			e.rows.flush(owner, fn)
		}
	})
}

func (e *earlyCalls) eachNear(interval uint32, fn func(*syscountRowKey, *syscountRow)) {
	type taken struct {
		owner syscountRowKey
		list  *syscountEarlyList
	}
	var all []taken
	for i := range e.values {
		if owner, ok := e.values[i].owner(); ok {
			all = append(all, taken{owner, &e.values[i]})
		}
	}
	slices.SortFunc(all, func(a, b taken) int {
		return cmp.Or(cmp.Compare(a.owner.Group, b.owner.Group), cmp.Compare(a.owner.Pid, b.owner.Pid))
	})
	for i, t := range all {
		e.rows.add(t.list, interval)
		if i+1 == len(all) || all[i+1].owner != t.owner {
			e.rows.flush(t.owner, fn)
		}
	}
}

// free empties the lists of these rows' owners, and takes them out of the keys; of the owners no
// thread lives. The PID goes last: from then on the place is the kernel's.
func (e *earlyCalls) free(keys map[syscountRowKey]bool) error {
	owners, far := map[syscountRowKey]bool{}, map[syscountListKey]bool{}
	for key := range keys {
		if key.Cpu < lastFarCPU {
			continue
		}
		delete(keys, key)
		if key.Cpu != earlyCPU {
			far[syscountListKey{Group: key.Group, Pid: key.Pid, Ordinal: uint32(farEarlyCPU - key.Cpu)}] = true
			continue
		}
		key.Syscall = 0
		owners[key] = true
	}
	if len(owners) > 0 {
		e.freeNear(owners)
	}
	return deleteAll(e.far, slices.Collect(maps.Keys(far)))
}

func (e *earlyCalls) freeNear(owners map[syscountRowKey]bool) {
	for i := range e.values {
		if owner, ok := e.values[i].owner(); ok && owners[owner] {
			l := &e.values[i]
			l.Calls, l.Used, l.Interval, l.Ordinal, l.Group = [len(l.Calls)]uint64{}, 0, 0, 0, 0
			atomic.StoreUint32(&l.Pid, 0)
		}
	}
}

// earlyRows are those of one process, in the order of its first calls; place is where that of a syscall
// stands, plus one.
type earlyRows struct {
	place [allSlots]uint16
	slots []uint16
	rows  []syscountRow
}

// add adds the calls of a list, as add_time() of row.h does.
func (r *earlyRows) add(l *syscountEarlyList, interval uint32) {
	ran := int32(l.Interval-interval) >= 0
	for i := range l.Calls {
		call := atomic.LoadUint64(&l.Calls[i])
		slot := uint16(call & earlySyscall >> earlyWhat)
		if call == 0 || uint32(slot) >= allSlots {
			continue
		}
		row, ns, calls := r.of(slot), call&(1<<earlyWhat-1), uint64(1)
		if call&earlyTimed == 0 {
			calls = ns
		}
		row.Count += calls
		if call&earlyError != 0 {
			row.Errors += calls
		}
		if call&earlyTimed == 0 {
			continue
		}
		row.Times.Timed++
		row.Times.TotalNs += ns
		row.Times.Histogram[histogram.Slot(ns)]++
		if ran && call>>earlyIntervalShift == uint64(interval&earlyIntervals) {
			row.Times.seen(interval, ns)
		}
	}
}

func (t *syscountTimes) seen(interval uint32, ns uint64) {
	e := &t.Extremes[interval&1]
	if e.Interval != interval {
		e.Interval, e.MinNs, e.MaxNs = interval, ns, ns
		return
	}
	e.MinNs, e.MaxNs = min(e.MinNs, ns), max(e.MaxNs, ns)
}

func (r *earlyRows) of(slot uint16) *syscountRow {
	if r.place[slot] == 0 {
		r.slots, r.rows = append(r.slots, slot), append(r.rows, syscountRow{})
		r.place[slot] = uint16(len(r.rows))
	}
	return &r.rows[r.place[slot]-1]
}

func (r *earlyRows) flush(owner syscountRowKey, fn func(*syscountRowKey, *syscountRow)) {
	for i, slot := range r.slots {
		owner.Syscall = slot
		fn(&owner, &r.rows[i])
		r.place[slot] = 0
	}
	r.slots, r.rows = r.slots[:0], r.rows[:0]
}

// The array takes 440 bytes for each list, in use or not, and has as many for those that a process has after its
// first: 1.8 MB for each of a few CPUs, at most 14 MB for many. A process's first list stands for some twenty rows.
const (
	maxEarlyListsOfCPU = 2048
	maxEarlyLists      = 16384
)

// earlyPlaces is the number of first lists for each CPU, a power of two, or 0 where there is no use for them.
func earlyPlaces(rows uint32, by GroupBy, cpus int) uint32 {
	places := min(maxEarlyListsOfCPU, maxEarlyLists/cpus, int(rows)/8/cpus)
	if by != GroupByProcess || places == 0 {
		return 0
	}
	return 1 << (bits.Len(uint(places)) - 1)
}
