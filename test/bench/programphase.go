package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// programs measures the real programs, on all CPUs, round by round.
func (l *lab) programs(ctx context.Context) error {
	if l.result.Settings.ProgramRounds == 0 {
		return nil
	}
	if err := pinSelf(l.all); err != nil {
		return err
	}
	if err := l.warmUp(ctx); err != nil {
		return err
	}
	for round := range l.result.Settings.ProgramRounds {
		if err := l.programRound(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

// warmUp runs each program once: what it reads is in the page cache from then
// on. One that does not run at all is left out, and the notes say so.
func (l *lab) warmUp(ctx context.Context) error {
	var running []workload
	for _, w := range l.workloads {
		l.say("programs: warming up: %s", w.name)
		if _, err := l.programUnder(ctx, w, nil); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			l.say("    %s: %s", w.key, printable(err.Error()))
			l.result.Notes = append(l.result.Notes, fmt.Sprintf("%s did not run: %s", w.name, printable(err.Error())))
			continue
		}
		running = append(running, w)
		l.result.Programs = append(l.result.Programs, programName{Key: w.key, Name: w.name})
	}
	l.workloads = running
	return nil
}

// programRound runs each program under each subject, and with nothing before
// and after.
func (l *lab) programRound(ctx context.Context, round int) error {
	before, err := l.bare(ctx)
	if err != nil {
		return err
	}
	for k, at := range order(len(l.subjects), round) {
		s, r := l.subjects[at], l.result.Subjects[at]
		todo := l.worthRepeating(r, before)
		if r.retired() || len(todo) == 0 {
			continue
		}
		l.say("programs: round %d of %d, %d of %d: %s", round+1, l.result.Settings.ProgramRounds, k+1, len(l.subjects), r.Name)
		under, err := l.programsUnder(ctx, s, todo)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.lookForStrangers()
		if err != nil {
			l.failed(r, fmt.Sprintf("round %d of the programs", round+1), err)
		}
		after, err := l.bare(ctx)
		if err != nil {
			return err
		}
		r.putPrograms(round, under, before, after)
		before = after
	}
	return nil
}

// bare is what the programs take with nothing attached.
func (l *lab) bare(ctx context.Context) (map[string]float64, error) {
	seconds := make(map[string]float64)
	for _, w := range l.workloads {
		took, err := l.fastest(ctx, w, nil)
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", w.key, err)
		}
		seconds[w.key] = took
	}
	return seconds, nil
}

// A program that takes more than crawl times as long, and longer than crawlSeconds, is run once: an
// answer of this size needs no second measurement, and takes minutes.
const (
	crawl        = 2.5
	crawlSeconds = 1
)

// worthRepeating are the programs that do not crawl under that subject.
func (l *lab) worthRepeating(r *subjectResult, bare map[string]float64) []workload {
	var todo []workload
	for _, w := range l.workloads {
		if took := r.Seconds[w.key].spread().Median; took <= max(crawl*bare[w.key], crawlSeconds) {
			todo = append(todo, w)
		}
	}
	return todo
}

// programsUnder is how long the programs take, in seconds, with the subject attached: to
// all of them together, or to each by its process. With an error there may be
// some of them.
func (l *lab) programsUnder(ctx context.Context, s subject, todo []workload) (seconds map[string]float64, err error) {
	attach := func(pid int) (attachment, error) { return l.attachQuietly(ctx, s, pid) }
	if !s.perProcess {
		attached, err := attach(0)
		if err != nil {
			return nil, err
		}
		attach = nil
		defer func() { err = errors.Join(err, attached.detach()) }()
	}
	seconds = make(map[string]float64)
	for _, w := range todo {
		took, err := l.fastest(ctx, w, attach)
		if err != nil {
			return seconds, fmt.Errorf("%s: %w", w.key, err)
		}
		seconds[w.key] = took
	}
	return seconds, nil
}

// attachQuietly attaches with a load that is there for readiness only, and gone
// before anything is measured.
func (l *lab) attachQuietly(ctx context.Context, s subject, pid int) (attachment, error) {
	m, err := l.startMeter(ctx)
	if err != nil {
		return attachment{}, err
	}
	attached, err := s.attach(ctx, site{pid: pid, meter: m})
	if err != nil {
		return attachment{}, errors.Join(err, m.stop())
	}
	if err := m.stop(); err != nil {
		return attachment{}, errors.Join(err, attached.detach())
	}
	return attached, nil
}

// programRuns is how often a program runs in a row. The fastest run counts: what
// the neighbours of a shared machine add is never negative.
const programRuns = 6

// fastest is the shortest of several runs of w; of one that crawls there is one.
func (l *lab) fastest(ctx context.Context, w workload, attach func(pid int) (attachment, error)) (float64, error) {
	best := math.Inf(1)
	for range programRuns {
		took, err := l.programUnder(ctx, w, attach)
		if err != nil {
			return 0, err
		}
		best = min(best, took)
		if took > crawlSeconds {
			break
		}
	}
	return best, nil
}

// programUnder runs w once, with what attach (nil: nothing) attaches to its process.
func (l *lab) programUnder(ctx context.Context, w workload, attach func(pid int) (attachment, error)) (seconds float64, err error) {
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	program, err := w.prepare(ctx)
	if err != nil {
		return 0, err
	}
	if attach != nil {
		attached, err := attach(program.cmd.Process.Pid)
		if err != nil {
			program.abandon()
			return 0, err
		}
		defer func() { err = errors.Join(err, attached.detach()) }()
	}
	seconds, err = program.run()
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return 0, fmt.Errorf("not done after %v", patience)
	}
	return seconds, err
}
