package bpf

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// Counters are the kernel side's own, since it was loaded, over all CPUs.
// Enter = Matched + Died + in flight + Overwritten + Refiltered and
// Exit = Matched + ExitWithoutEnter + Refiltered at all times. Each field is
// explained in struct counters of syscount.h.
type Counters struct {
	Enter, Exit, Matched, Died, Overwritten, ExitWithoutEnter, Refiltered uint64
	Negative, StorageFailed, RowsOverflowed, RowsFailed                   uint64
	Slow, RingFull, CgroupNamesFailed, ProcessNamesFailed                 uint64

	RecursionMisses uint64 // runs of a program that the kernel skipped
}

// Counters reads them. CPUs are read one after the other, so that on a busy
// host the sums may differ by the calls of these microseconds.
func (t *Tracer) Counters() (Counters, error) {
	var cpus []syscountCounters
	if err := t.objs.CountersOfCpu.Lookup(uint32(0), &cpus); err != nil {
		return Counters{}, fmt.Errorf("read the counters: %w", err)
	}
	var sum Counters
	for _, c := range cpus {
		sum = sum.Plus(countersOf(c))
	}
	var err error
	sum.RecursionMisses, err = t.recursionMisses()
	return sum, err
}

func countersOf(c syscountCounters) Counters {
	return Counters{
		Enter: c.Enter, Exit: c.Exit, Matched: c.Matched, Died: c.Died, Overwritten: c.Overwritten,
		ExitWithoutEnter: c.ExitWithoutEnter, Refiltered: c.Refiltered, Negative: c.Negative,
		StorageFailed: c.StorageFailed, RowsOverflowed: c.RowsOverflowed, RowsFailed: c.RowsFailed,
		Slow: c.Slow, RingFull: c.RingFull, CgroupNamesFailed: c.CgroupNamesFailed,
		ProcessNamesFailed: c.ProcessNamesFailed,
	}
}

func (t *Tracer) recursionMisses() (uint64, error) {
	var sum uint64
	for _, prog := range []interface {
		Stats() (*ebpf.ProgramStats, error)
	}{t.objs.SysEnter, t.objs.SysExit, t.objs.ProcessExit} {
		stats, err := prog.Stats()
		if err != nil {
			return 0, fmt.Errorf("read the recursion misses: %w", err)
		}
		sum += stats.RecursionMisses
	}
	return sum, nil
}

// Plus adds two sets of counters.
func (sum Counters) Plus(c Counters) Counters {
	return Counters{
		Enter: sum.Enter + c.Enter, Exit: sum.Exit + c.Exit, Matched: sum.Matched + c.Matched,
		Died: sum.Died + c.Died, Overwritten: sum.Overwritten + c.Overwritten,
		ExitWithoutEnter: sum.ExitWithoutEnter + c.ExitWithoutEnter, Refiltered: sum.Refiltered + c.Refiltered,
		Negative: sum.Negative + c.Negative, StorageFailed: sum.StorageFailed + c.StorageFailed,
		RowsOverflowed: sum.RowsOverflowed + c.RowsOverflowed, RowsFailed: sum.RowsFailed + c.RowsFailed,
		Slow: sum.Slow + c.Slow, RingFull: sum.RingFull + c.RingFull,
		CgroupNamesFailed:  sum.CgroupNamesFailed + c.CgroupNamesFailed,
		ProcessNamesFailed: sum.ProcessNamesFailed + c.ProcessNamesFailed,
		RecursionMisses:    sum.RecursionMisses + c.RecursionMisses,
	}
}
