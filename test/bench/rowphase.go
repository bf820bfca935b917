package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rows measures what it costs to keep many rows and to read them when an interval
// ends. That it cannot be done is for the notes.
func (l *lab) rows(ctx context.Context) error {
	if l.result.Settings.Rows == 0 {
		return nil
	}
	if err := pinSelf(l.all); err != nil {
		return err
	}
	r, err := l.measureRows(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.lookForStrangers()
	if err != nil {
		l.note("the rows were not measured: " + printable(err.Error()))
		return nil
	}
	l.result.Rows = r
	return nil
}

// measureRows starts a crowd of processes and a syscountd that watches them, and looks at
// what that one uses, interval by interval.
func (l *lab) measureRows(ctx context.Context) (r *rowResult, err error) {
	calls := len(hostEmptyCalls())
	processes := (l.result.Settings.Rows + calls - 1) / calls
	l.say("rows: %d processes with %d system calls each", processes, calls)
	c, err := startCrowd(ctx, processes, l.all)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.stir(); err != nil { // all of them are there, and have made the calls of their beginning
		return nil, err
	}
	p, err := l.rowService.start(l.result.Settings.Rows, c.pids())
	if err != nil {
		return nil, err
	}
	defer func() {
		held := heldPrograms(p.cmd.Process.Pid)
		err = errors.Join(err, p.interrupt(), awaitGone(ctx, held))
	}()
	if err := p.awaitReady(ctx); err != nil {
		return nil, err
	}
	r = &rowResult{
		Processes: processes, Calls: calls, IntervalS: l.rowService.interval.Seconds(),
		Rows: make(series), CPUMs: make(series), RSSMiB: make(series), Worst: make(map[string]series), Lost: make(map[string]uint64),
	}
	if err := l.rowIntervals(ctx, p, c, r); err != nil {
		return r, err
	}
	return r, l.rowLatency(ctx, p, c, r)
}

// rowIntervals measures from the middle of an interval to that of the next one: all
// that syscountd does lies in between, and nothing is subtracted. The crowd
// makes its calls at the beginning and sleeps when the rows are read.
func (l *lab) rowIntervals(ctx context.Context, p *running, c *crowd, r *rowResult) error {
	pid := p.cmd.Process.Pid
	if err := p.settle(ctx, l.rowService.interval/10); err != nil { // what the start has left to do
		return err
	}
	r.MapBytesAtStart = mapMemory(pid)
	before, err := cpuTime(pid)
	if err != nil {
		return err
	}
	for interval := range l.result.Settings.RowIntervals {
		l.say("rows: interval %d of %d", interval+1, l.result.Settings.RowIntervals)
		if err := c.stir(); err != nil {
			return err
		}
		record, err := l.rowService.next(ctx, p)
		if err != nil {
			return err
		}
		if err := p.settle(ctx, l.rowService.interval/10); err != nil { // until it is done with this interval
			return err
		}
		after, err := cpuTime(pid)
		if err != nil {
			return err
		}
		memory, err := residentMemory(pid)
		if err != nil {
			return err
		}
		r.put(interval, record, after-before, memory, mapMemory(pid))
		before = after
	}
	return nil
}

// next is the record of the interval that ends next.
func (s *rowService) next(ctx context.Context, p *running) (intervalRecord, error) {
	const patience = 30 * time.Second
	select {
	case r := <-s.records:
		return r, nil
	case <-p.exited:
		return intervalRecord{}, p.refusal()
	case <-time.After(s.interval + patience):
		return intervalRecord{}, fmt.Errorf("no record of an interval %v after its end", patience)
	case <-ctx.Done():
		return intervalRecord{}, ctx.Err()
	}
}

// settle gives it time.
func (p *running) settle(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.exited:
		return p.refusal()
	case <-ctx.Done():
		return ctx.Err()
	}
}
