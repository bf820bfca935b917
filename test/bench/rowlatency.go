package main

import (
	"context"
	"errors"
	"time"
)

// latencyIntervals are how many readings others are looked at in.
const latencyIntervals = 3

// latencyPart is in how much of an interval they are looked at: twice, with time between
// for the calls of the crowd.
func latencyPart(interval time.Duration) time.Duration { return interval * 3 / 10 }

// rowLatency measures whether the reading of the rows blocks anybody: the longest time of a
// getppid on a CPU on which syscountd is not, in a part of an interval with the reading
// in it, and in one without. It comes after the CPU time was measured, which it would be in.
func (l *lab) rowLatency(ctx context.Context, p *running, c *crowd, r *rowResult) (err error) {
	load := l.result.Settings.LoadCPU
	if l.rest[0] == load {
		l.note("how long others wait while rows are read was not measured: there is one CPU")
		return nil
	}
	if err := pinProcess(p.cmd.Process.Pid, l.rest); err != nil {
		return err
	}
	m, err := l.startMeter(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	if err := c.stir(); err != nil {
		return err
	}
	last, err := l.rowService.next(ctx, p) // an interval begins now
	for interval := 0; interval < latencyIntervals && err == nil; interval++ {
		l.say("rows: others meanwhile, interval %d of %d", interval+1, latencyIntervals)
		last, err = l.latencyInterval(ctx, p, c, m, r, interval, last.heard)
	}
	return err
}

// latencyInterval looks at one interval: at a part soon after its beginning, then at one
// around its end. It counts if all rows were read well inside that one.
func (l *lab) latencyInterval(ctx context.Context, p *running, c *crowd, m *meter, r *rowResult, interval int, began time.Time) (intervalRecord, error) {
	length := l.rowService.interval
	if err := c.stir(); err != nil {
		return intervalRecord{}, err
	}
	if err := p.settle(ctx, length/10); err != nil { // what the last reading has left to do
		return intervalRecord{}, err
	}
	quiet, err := m.worst(latencyPart(length))
	if err != nil {
		return intervalRecord{}, err
	}
	if err := p.settle(ctx, time.Until(began.Add(length*17/20))); err != nil {
		return intervalRecord{}, err
	}
	from := time.Now()
	reading, err := m.worst(latencyPart(length))
	to := time.Now()
	if err != nil {
		return intervalRecord{}, err
	}
	record, err := l.rowService.next(ctx, p)
	if err == nil && record.Rows >= uint64(l.result.Settings.Rows) && within(record.heard, from.Add(length/20), to.Add(-length/20)) {
		put(r.Worst, worstQuiet, interval, quiet)
		put(r.Worst, worstReading, interval, reading)
	}
	return record, err
}

func within(at, from, to time.Time) bool { return at.After(from) && at.Before(to) }

// What others were looked at in.
const (
	worstQuiet   = "quiet"
	worstReading = "reading"
)
