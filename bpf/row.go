package bpf

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
)

// HistogramSlots is the length of a row's histogram; agent/histogram has the
// bounds of the slots.
const HistogramSlots = int(syscountHistogramHISTOGRAM_SLOTS)

// Group is whose row it is. The zero Group takes all calls that have no row of
// their own.
type Group struct {
	ID  uint64 // process: its start in ns of CLOCK_BOOTTIME; cgroup: its id
	PID uint32 // process only, in our own PID namespace
}

// RowKey names a row: each has one CPU as its only writer, or is made of the list of a process's first calls.
type RowKey struct {
	Group
	Syscall
	CPU uint16
}

// Row is what a CPU has counted since the programs were loaded. Counts only
// grow; differences between two reads are what happened in between. The
// extremes are those of the interval that was asked for, 0 if it had no call.
type Row struct {
	Count, Errors uint64
	Timed         uint64 // of Count, the calls whose time was taken: all below is of these
	TotalNs       uint64
	MinNs, MaxNs  uint64
	Histogram     *[HistogramSlots]uint32 // modulo 2^32; valid during the callback only
}

// EndInterval begins a new interval and returns the number of the old one.
func (t *Tracer) EndInterval() (uint32, error) {
	ended := t.interval
	if err := t.objs.Interval.Set(ended + 1); err != nil {
		return 0, fmt.Errorf("begin an interval: %w", err)
	}
	t.interval++
	return ended, nil
}

// batch is how many rows are copied at a time: about 160 KB.
const batch = 256

// groupCalibration is GROUP_CALIBRATION of syscount.h.
const groupCalibration = ^uint64(0)

// EachRow calls fn with every row but those of Calibrate; the extremes are of the given interval. It
// takes one system call for each 256 rows that are not near, and blocks nobody.
func (t *Tracer) EachRow(interval uint32, fn func(RowKey, Row)) error {
	t.calibrationCalls = 0
	each := func(key *syscountRowKey, value *syscountRow) {
		if key.Group == groupCalibration {
			t.calibrationCalls += value.Count
		} else if sc, ok := syscallOf(uint32(key.Syscall)); ok {
			fn(RowKey{Group{key.Group, key.Pid}, sc, key.Cpu}, rowOf(value, interval))
		}
	}
	t.near.each(each)
	if err := t.early.each(interval, each); err != nil {
		return fmt.Errorf("read the lists of young processes: %w", err)
	}
	for _, m := range []*ebpf.Map{t.objs.Rows, t.objs.Rest} {
		if err := eachEntry(m, each); err != nil {
			return fmt.Errorf("read the rows: %w", err)
		}
	}
	return nil
}

// CalibrationCalls is how many calls Calibrate had made, and been seen to end, when EachRow
// looked: the counters have them, and no row that it tells of.
func (t *Tracer) CalibrationCalls() uint64 { return t.calibrationCalls }

func rowOf(v *syscountRow, interval uint32) Row {
	times := &v.Times
	row := Row{Count: v.Count, Errors: v.Errors, Timed: times.Timed, TotalNs: times.TotalNs, Histogram: &times.Histogram}
	if e := &times.Extremes[interval&1]; e.Interval == interval {
		row.MinNs, row.MaxNs = e.MinNs, e.MaxNs
	}
	return row
}

// eachEntry reads a hash map in batches. Entries that are added or deleted
// meanwhile may or may not be seen; no other is missed or seen twice.
func eachEntry[K, V any](m *ebpf.Map, fn func(*K, *V)) error {
	size := min(batch, int(m.MaxEntries()))
	keys, values := make([]K, size), make([]V, size)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		if errors.Is(err, errBucketTooBig) {
			// The next bucket alone holds more entries than fit.
			size *= 2
			keys, values = make([]K, size), make([]V, size)
			continue
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		for i := range n {
			fn(&keys[i], &values[i])
		}
		if err != nil {
			return nil
		}
	}
}

// empty deletes all entries of a hash map.
func empty[K, V any](m *ebpf.Map) error {
	var keys []K
	if err := eachEntry(m, func(key *K, _ *V) { keys = append(keys, *key) }); err != nil {
		return err
	}
	return deleteAll(m, keys)
}

// deletedAtOnce is how many rows or names are deleted in one system call, for the memory of their keys: a few
// hundred KB.
const deletedAtOnce = 4096

// DeleteRows frees rows whose group is gone: in few system calls for those that are not near, since a host that
// starts 500 processes a second has 10,000 of them.
func (t *Tracer) DeleteRows(keys []RowKey) error {
	for some := range slices.Chunk(keys, deletedAtOnce) {
		if err := t.deleteRows(some); err != nil {
			return fmt.Errorf("free the rows: %w", err)
		}
	}
	return nil
}

func (t *Tracer) deleteRows(keys []RowKey) error {
	raws := make(map[syscountRowKey]bool, len(keys))
	for _, key := range keys {
		if slot, ok := slotOf(key.Syscall); ok {
			raws[syscountRowKey{Group: key.ID, Pid: key.PID, Syscall: uint16(slot), Cpu: key.CPU}] = true
		}
	}
	t.near.free(raws)
	if err := t.early.free(raws); err != nil {
		return err
	}
	return deleteAll(t.objs.Rows, slices.Collect(maps.Keys(raws)))
}

// deleteAll deletes those of the keys that a hash map has. The kernel ends a batch at the first that is not there.
func deleteAll[K any](m *ebpf.Map, keys []K) error {
	for len(keys) > 0 {
		n, err := m.BatchDelete(keys, nil)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		keys = keys[n+1:]
	}
	return nil
}

// Interval is the number of the running interval.
func (t *Tracer) Interval() uint32 { return t.interval }
