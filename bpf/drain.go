package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/link"
)

// Draining: calls are followed by their functions, and the tracepoint of ends is
// attached beside these for the calls that were in flight then.
func (t *Tracer) Draining() bool { return t.drain != nil }

// draining is what two programs see meanwhile.
func (t *Tracer) draining() uint8 {
	if t.Draining() {
		return doubledEnds
	}
	return 0
}

func (t *Tracer) beginDrain() error {
	prog := tracepoint("sys_exit", t.objs.SysExit)
	l, err := link.AttachTracing(link.TracingOptions{Program: prog.Program})
	if err != nil {
		return explainLoad("attach to "+prog.kind+"/"+prog.name, err)
	}
	t.drain = &attached{prog, l}
	return nil
}

// Undrained counts the calls for which Draining holds: those that the filter observes, or
// that may be slow.
func (t *Tracer) Undrained() (n uint64, err error) {
	if !t.Draining() {
		return 0, nil
	}
	if err := t.walkDrain(drainLook); err != nil {
		return 0, err
	}
	if err := t.objs.UndrainedCalls.Get(&n); err != nil {
		return 0, fmt.Errorf("read the calls in flight: %w", err)
	}
	return n, nil
}

// EndDrain detaches the tracepoint. The end of what is still in flight is not seen: that
// is counted, as Undrained, or where the filter leaves it out as Refiltered.
func (t *Tracer) EndDrain() error {
	if !t.Draining() {
		return nil
	}
	err := t.walkDrain(drainGiveUp)
	return errors.Join(err, t.detachDrain(), t.objs.Switched.Set(bit(false)), t.setDoubled(0))
}

func (t *Tracer) detachDrain() error {
	if !t.Draining() {
		return nil
	}
	err := t.drain.Link.Close()
	t.drain = nil
	return err
}

// What a walk over all threads does: enum drain_step of drain.h.
const (
	drainLook uint8 = iota
	drainGiveUp
	drainEnded
)

func (t *Tracer) walkDrain(step uint8) error {
	if err := errors.Join(t.objs.UndrainedCalls.Set(uint64(0)), t.objs.DrainStep.Set(step)); err != nil {
		return fmt.Errorf("begin to look for calls in flight: %w", err)
	}
	return walk(t.objs.Drain, "the drain")
}

// undrained adds the calls that were given up, and those that turned out to have ended.
func (t *Tracer) undrained(c *Counters) error {
	var givenUp, leftOut, ended uint64
	if err := errors.Join(t.objs.GivenUp.Get(&givenUp), t.objs.VoidedLeftOut.Get(&leftOut), t.objs.VoidedEnded.Get(&ended)); err != nil {
		return fmt.Errorf("read the calls that were given up: %w", err)
	}
	c.Undrained += givenUp
	c.Overwritten += ended
	c.Refiltered += leftOut
	c.Exit += leftOut
	return nil
}
