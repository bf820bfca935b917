package bpf

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"
)

// nearRowSize is in bytes.
const nearRowSize = uint32(unsafe.Sizeof(syscountNearRow{}))

// nearRows are the rows of the array near_rows, and their times, in memory that is shared with
// the kernel side: a part of the same length for each CPU. The kernel side
// takes free places, and only it writes into a place with an owner.
type nearRows struct {
	rows    mapped[syscountNearRow]
	times   mapped[syscountTimes]
	shift   uint32 // rows of a CPU, as a power of two
	grouped bool   // a row with no group is not whole yet
}

func (t *Tracer) mapNearRows(by GroupBy) (n nearRows, err error) {
	n.grouped = by != GroupByNone
	if err := t.objs.NearShift.Get(&n.shift); err != nil {
		return n, fmt.Errorf("read the number of rows near a CPU: %w", err)
	}
	if n.rows, err = mapValues[syscountNearRow](t.objs.NearRows); err != nil {
		return n, err
	}
	if n.times, err = mapValues[syscountTimes](t.objs.NearTimes); err != nil {
		return n, errors.Join(err, n.rows.unmap())
	}
	return n, nil
}

func (n *nearRows) unmap() error { return errors.Join(n.rows.unmap(), n.times.unmap()) }

// each calls fn with a copy of each row that has an owner; it is valid during the callback only.
func (n *nearRows) each(fn func(*syscountRowKey, *syscountRow)) {
	var key syscountRowKey
	var row syscountRow
	for i := range n.rows.values {
		var ok bool
		if key, ok = n.key(i); ok {
			// The kernel side adds a call in the other order: none is timed here, or an error, that is not counted.
			row.Times = n.times.values[i]
			row.Errors = atomic.LoadUint64(&n.rows.values[i].Errors)
			row.Count = atomic.LoadUint64(&n.rows.values[i].Count)
			fn(&key, &row)
		}
	}
}

// key is whose row the place is. False: nobody's, or the kernel side is about to
// take it, and its parts have not come through in their order.
func (n *nearRows) key(i int) (syscountRowKey, bool) {
	row := &n.rows.values[i]
	owner := atomic.LoadUint64(&row.Owner)
	if owner == 0 || n.grouped && row.Group == 0 {
		return syscountRowKey{}, false
	}
	return syscountRowKey{Group: row.Group, Pid: uint32(owner), Syscall: uint16(owner>>32 - 1), Cpu: uint16(i >> n.shift)}, true
}

// free empties the places of these rows, and takes them out of the keys; of their owners no thread lives. The
// owner goes last: from then on the place is the kernel's.
func (n *nearRows) free(keys map[syscountRowKey]bool) {
	if len(keys) == 0 {
		return
	}
	for i := range n.rows.values {
		if key, ok := n.key(i); ok && keys[key] {
			row := &n.rows.values[i]
			n.times.values[i], row.Count, row.Errors, row.Group = syscountTimes{}, 0, 0, 0
			atomic.StoreUint64(&row.Owner, 0)
			delete(keys, key)
		}
	}
}

// The arrays take 656 bytes for each place, in use or not: 1.3 MB for each of a
// few CPUs, at most 21 MB for many.
const (
	maxNearRowsOfCPU = 2048
	maxNearRows      = 32768
	nearPlaces       = 4 // NEAR_PLACES of row.h: a row may be in one of so many
)

// nearShift is the number of places for each CPU, as a power of two: at most half
// of all rows, since a CPU's share is of no use to another. Without groups there
// is one row for a syscall, and hosts use fewer than 256.
func nearShift(rows uint32, by GroupBy, cpus int) uint32 {
	places := min(maxNearRowsOfCPU, maxNearRows/cpus)
	if by == GroupByNone {
		places = min(places, 256)
	} else {
		places = min(places, int(rows)/2/cpus)
	}
	return uint32(bits.Len(uint(max(places, nearPlaces))) - 1)
}

// onlineCPUs is one more than the largest number of a CPU that is online.
func onlineCPUs() (int, error) {
	const path = "/sys/devices/system/cpu/online" // Documentation/admin-guide/cputopology.rst
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	list := strings.TrimSpace(string(text))
	last, err := strconv.Atoi(list[strings.LastIndexAny(list, ",-")+1:])
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return last + 1, nil
}
