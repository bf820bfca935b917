package bpf

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// normal are options in one way of writing: what makes no difference is the same.
func (o Options) normal() Options {
	o.Sample = max(o.Sample, 1)
	if o.Mode == ModeWatch {
		o.NoWaits = false
	}
	return o
}

// Same says whether the options are those that were asked for, but for the calls by name.
func (o Options) Same(asked Options) bool {
	o.Only, asked.Only = "", ""
	return o.normal() == asked.normal()
}

// SwitchesTo says whether Switch can change from these options to others: Mode and
// Sample may differ, what the maps and programs were made for may not.
func (o Options) SwitchesTo(next Options) bool {
	o, next = o.normal(), next.normal()
	return o.GroupBy == next.GroupBy && o.Rows == next.Rows && o.NoWaits == next.NoWaits
}

// SameRows says whether rows under these options are rows under others too: Replace then
// goes on with them.
func (o Options) SameRows(next Options) bool { return o.GroupBy == next.GroupBy && o.Rows == next.Rows }

// overlap is how long the end of calls stays attached when ModeWatch has come: two
// ticks and a bit, of 10 ms each where they are slowest. By then each thread that is
// in a call has left the CPU or come to it, or met a tick there, and what is known of
// its call was taken over; one that has not is off the CPU all the time, which tells
// the same. See bpf/takeover.h.
const overlap = 30 * time.Millisecond

// Switch changes the mode, or how it samples, while attached: no call that is or
// becomes slow is lost, and none is counted twice (bpf/switchover.h). It returns when
// the new mode came into force, on CLOCK_MONOTONIC in ns. After an error the mode is
// the old one. To ModeWatch it takes some 30 ms.
func (t *Tracer) Switch(next Options) (uint64, error) {
	if !t.opts.SwitchesTo(next) {
		return 0, fmt.Errorf("switch from %+v to %+v: only Mode and Sample can be changed without another load", t.opts, next)
	}
	if !t.Fits(next) {
		return 0, fmt.Errorf("switch from %+v to %+v: their calls are not followed by the same functions", t.opts, next)
	}
	if next.Mode == ModeWatch {
		if err := needTaskWork(); err != nil {
			return 0, err
		}
	}
	t.name(next)
	next, before := next.normal(), t.opts
	if next == before {
		return monotonicNow()
	}
	at, err := t.switchBy(next)
	if err != nil {
		_, again := t.switchBy(before)
		return 0, errors.Join(err, again)
	}
	return at, nil
}

// switchBy goes by way of ModeCount: so ModeWatch, which takes over records, need
// not care for a beginning that is being stamped.
func (t *Tracer) switchBy(next Options) (at uint64, err error) {
	if t.mode == ModeWatch && next.Mode == ModeAccount || t.mode == ModeAccount && next.Mode == ModeWatch {
		between := next
		between.Mode = ModeCount
		if _, err := t.step(between); err != nil {
			return 0, err
		}
	}
	return t.step(next)
}

// step attaches what the new mode needs, puts it in force, and detaches what it does
// not need.
func (t *Tracer) step(next Options) (at uint64, err error) {
	if len(t.links) == 0 { // nothing is attached: it is for the next time
		return t.putInForce(next, false)
	}
	was := len(t.links)
	if err := t.attach(t.missing(next.Mode)); err != nil {
		return 0, errors.Join(err, t.detachTo(was))
	}
	at, err = t.putInForce(next, true)
	if err != nil {
		return 0, err
	}
	if next.Mode == ModeWatch {
		time.Sleep(overlap)
		if err := t.objs.Switching.Set(bit(false)); err != nil {
			return 0, fmt.Errorf("end the switch of modes: %w", err)
		}
	}
	return at, t.detachOthers(next.Mode)
}

// putInForce sets the words that the programs look at, the mode last.
func (t *Tracer) putInForce(next Options, attached bool) (uint64, error) {
	if err := errors.Join(t.objs.Switched.Set(bit(attached)), t.objs.Switching.Set(bit(attached && next.Mode == ModeWatch)),
		t.objs.Sample.Set(uint32(next.Sample)), t.setInForce(t.filter, next.Mode)); err != nil {
		return 0, fmt.Errorf("put the mode in force: %w", err)
	}
	t.opts, t.mode = next, next.Mode
	return monotonicNow()
}

func monotonicNow() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return uint64(now.Nano()), nil
}

// missing are the programs of a mode that are not attached.
func (t *Tracer) missing(mode Mode) []program {
	return slices.DeleteFunc(t.modePrograms(mode), func(p program) bool {
		return slices.ContainsFunc(t.links, func(a attached) bool { return a.Program == p.Program })
	})
}

// detachOthers detaches the programs of other modes, the newest first: the beginning
// of calls before their end.
func (t *Tracer) detachOthers(mode Mode) error {
	var errs []error
	for i := len(t.links) - 1; i >= len(t.threadPrograms())+len(t.callPrograms()); i-- {
		a := t.links[i]
		if slices.ContainsFunc(t.modePrograms(mode), func(p program) bool { return p.Program == a.Program }) {
			continue
		}
		errs = append(errs, a.Link.Close())
		t.links = slices.Delete(t.links, i, i+1)
	}
	return errors.Join(errs...)
}
