package bpf

import (
	"fmt"
	"slices"
)

// Counters are the kernel side's own, since it was loaded, over all CPUs. Each
// is explained, and their equations stand, in struct counters of syscount.h.
type Counters struct {
	Enter, Exit, Matched, Suspended, Resumed, Interrupted, Abandoned uint64
	Died, Overwritten, ExitWithoutEnter, Refiltered, Unwanted        uint64
	Negative, StorageFailed, RowsOverflowed, RowsFailed              uint64
	Slow, RingFull, CgroupNamesFailed, SwitchesMissed                uint64
	RuledOut                                                         uint64 // calls as long, that no rule finds slow by result and cgroup
	Unstamped                                                        uint64 // ended calls whose beginning nobody looked at
	HandedOver                                                       uint64 // calls that had begun when ModeWatch came
	Undrained                                                        uint64 // calls that had begun when functions came to be followed, and that EndDrain gave up
	Callbacks, Returned, Astray, Voided, CallbacksFailed             uint64 // ModeWatch
	CallbacksDied                                                    uint64 // ModeWatch

	RecursionMisses uint64 // runs of a program that the kernel skipped

	Traffic
}

// Traffic is what passed the programs beside the calls that are observed.
type Traffic struct {
	LeftOut       uint64 // calls that ended, of threads or syscalls that are not observed
	Switches      uint64 // context switches
	TimedSwitches uint64 // of these, those in which our program's time was taken
	SwitchNs      uint64 // that time
}

// each lists the fields, so that sums and conversions forget none.
func (c *Counters) each() [35]*uint64 { // an array: nothing is allocated
	return [...]*uint64{
		&c.Enter, &c.Exit, &c.Matched, &c.Suspended, &c.Resumed, &c.Interrupted, &c.Abandoned, &c.Died, &c.Overwritten,
		&c.ExitWithoutEnter, &c.Refiltered, &c.Unwanted, &c.Negative, &c.StorageFailed, &c.RowsOverflowed, &c.RowsFailed, &c.Slow,
		&c.RingFull, &c.RuledOut, &c.CgroupNamesFailed, &c.SwitchesMissed, &c.Callbacks, &c.Returned, &c.Astray, &c.Voided, &c.CallbacksFailed,
		&c.CallbacksDied, &c.Unstamped, &c.HandedOver, &c.Undrained, &c.RecursionMisses, &c.LeftOut, &c.Switches, &c.TimedSwitches, &c.SwitchNs,
	}
}

// Plus adds two sets of counters.
func (c Counters) Plus(other Counters) Counters {
	more := other.each()
	for i, field := range c.each() {
		*field += *more[i]
	}
	return c
}

// Counters reads them. CPUs are read one after the other, so that on a busy
// host the sums may differ by the calls of these microseconds.
func (t *Tracer) Counters() (Counters, error) {
	cpus, err := t.cpus()
	if err != nil {
		return Counters{}, err
	}
	var sum Counters
	for _, cpu := range cpus {
		sum = sum.Plus(countersOf(cpu.Counters)).Plus(costOf(cpu.Cost))
	}
	var unswept uint64
	if err := t.objs.SweepRingFull.Get(&unswept); err != nil {
		return Counters{}, fmt.Errorf("read the sweep's counter: %w", err)
	}
	sum.RingFull += unswept
	if err := t.undrained(&sum); err != nil {
		return Counters{}, err
	}
	sum.RecursionMisses, err = t.recursionMisses()
	return sum, err
}

func (t *Tracer) cpus() (cpus []syscountCpu, err error) {
	if err := t.objs.Cpus.Lookup(uint32(0), &cpus); err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	return cpus, nil
}

// countersOf tells each by itself: a call adds to one of them only, where it would to two or three.
func countersOf(c syscountCounters) Counters {
	return Counters{
		Enter: c.Enter, Exit: c.Exit + c.Matched + c.Counted, Matched: c.Matched + c.Counted, Unstamped: c.Unstamped + c.Counted,
		HandedOver: c.HandedOver, CallbacksDied: c.CallbacksDied, Suspended: c.Suspended, Resumed: c.Resumed,
		Interrupted: c.Interrupted, Abandoned: c.Abandoned, Died: c.Died, Overwritten: c.Overwritten,
		ExitWithoutEnter: c.ExitWithoutEnter, Refiltered: c.Refiltered, Unwanted: c.Unwanted, Negative: c.Negative,
		StorageFailed: c.StorageFailed, RowsOverflowed: c.RowsOverflowed, RowsFailed: c.RowsFailed,
		Slow: c.Slow, RingFull: c.RingFull, RuledOut: c.RuledOut, CgroupNamesFailed: c.CgroupNamesFailed,
		SwitchesMissed: c.SwitchesMissed,
		Callbacks:      c.Callbacks, Returned: c.Returned, Astray: c.Astray, Voided: c.Voided, CallbacksFailed: c.CallbacksFailed,
	}
}

func costOf(c syscountCost) Counters {
	return Counters{Traffic: Traffic{LeftOut: c.LeftOut, Switches: c.Switches, TimedSwitches: c.Timed, SwitchNs: c.TimedNs}}
}

// Misses are the runs that the kernel skipped, of each program that is or was
// attached, by the name of its tracepoint; those of functions together.
func (t *Tracer) Misses() (map[string]uint64, error) {
	misses := map[string]uint64{}
	return misses, t.eachMisses(func(prog program, n uint64) { misses[prog.counter()] += n })
}

func (t *Tracer) eachMisses(fn func(program, uint64)) error {
	attached := t.programs()
	for _, prog := range t.everAttached() {
		stats, err := prog.Stats()
		if err != nil {
			return fmt.Errorf("read the recursion misses of %s: %w", prog.name, err)
		}
		if stats.RecursionMisses > 0 || slices.Contains(attached, prog) {
			fn(prog, stats.RecursionMisses)
		}
	}
	return nil
}

// counter is under which name the program's misses are counted.
func (p program) counter() string {
	if p.kind != "tp_btf" {
		return p.kind
	}
	return p.name
}

func (t *Tracer) recursionMisses() (sum uint64, err error) {
	err = t.eachMisses(func(_ program, n uint64) { sum += n })
	return sum, err
}

// leftOut is LEFT_OUT in syscount.bpf.c.
const leftOut = 2

// isOpen is is_open() in maps.h.
func isOpen(startNs uint64) bool { return startNs != 0 && startNs != leftOut }

// OpenCalls counts the calls that have begun and not ended, by looking at every
// thread of the host.
func (t *Tracer) OpenCalls() (uint64, error) {
	if err := t.objs.OpenCalls.Set(uint64(0)); err != nil {
		return 0, fmt.Errorf("reset the open calls: %w", err)
	}
	if err := walk(t.objs.CountOpen, "the count of open calls"); err != nil {
		return 0, err
	}
	var open uint64
	if err := t.objs.OpenCalls.Get(&open); err != nil {
		return 0, fmt.Errorf("read the open calls: %w", err)
	}
	cpus, err := t.cpus()
	for _, cpu := range cpus {
		if isOpen(cpu.Running.StartNs) {
			open++
		}
	}
	return open, err
}
