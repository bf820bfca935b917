package bpf

import (
	"errors"
	"fmt"
	"io"

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
	if err := errors.Join(t.objs.UndrainedCalls.Set(uint64(0)), t.walkDrain()); err != nil {
		return 0, err
	}
	if err := t.objs.UndrainedCalls.Get(&n); err != nil {
		return 0, fmt.Errorf("read the calls in flight: %w", err)
	}
	return n, nil
}

// EndDrain detaches the tracepoint. What is still in flight is followed no more, and
// counted: as Undrained, or where the filter leaves it out as Refiltered.
func (t *Tracer) EndDrain() error {
	if !t.Draining() {
		return nil
	}
	err := errors.Join(t.objs.Voiding.Set(bit(true)), t.walkDrain(), t.objs.Voiding.Set(bit(false)))
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

func (t *Tracer) walkDrain() error {
	iter, err := link.AttachIter(link.IterOptions{Program: t.objs.Drain})
	if err != nil {
		return explainLoad("attach the drain over tasks", err)
	}
	defer iter.Close()
	walk, err := iter.Open()
	if err != nil {
		return fmt.Errorf("open the drain over tasks: %w", err)
	}
	defer walk.Close()
	if _, err := io.Copy(io.Discard, walk); err != nil {
		return fmt.Errorf("look for calls in flight: %w", err)
	}
	return nil
}

// undrained adds the calls that EndDrain has given up.
func (t *Tracer) undrained(c *Counters) error {
	var named, unstamped, others uint64
	if err := errors.Join(t.objs.VoidedNamed.Get(&named), t.objs.VoidedUnstamped.Get(&unstamped), t.objs.VoidedOthers.Get(&others)); err != nil {
		return fmt.Errorf("read the calls that were given up: %w", err)
	}
	c.Undrained += named
	c.Unstamped += unstamped
	c.Refiltered += others
	c.Exit += others
	return nil
}
