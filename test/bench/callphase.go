package main

import (
	"context"
	"errors"
	"fmt"
)

// calls measures the single calls, round by round.
func (l *lab) calls(ctx context.Context) error {
	if err := pinSelf(l.rest); err != nil {
		return err
	}
	if err := l.knowCore(ctx); err != nil {
		return err
	}
	for round := range l.callRounds() {
		if err := l.callRound(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

// callRounds is how many rounds the subject has that is measured most often.
func (l *lab) callRounds() int {
	most := 0
	for _, s := range l.subjects {
		most = max(most, l.result.Settings.roundsOf(s.key))
	}
	return most
}

// callRound measures each subject once that has so many rounds, with a fresh load: where its memory
// happens to lie is then another matter in each round.
func (l *lab) callRound(ctx context.Context, round int) error {
	m, before, err := l.freshMeter(ctx)
	if err != nil {
		return err
	}
	defer func() { m.discard() }()
	for k, at := range order(len(l.subjects), round) {
		r := l.result.Subjects[at]
		rounds := l.result.Settings.roundsOf(r.Key)
		if r.retired() || round >= rounds {
			continue
		}
		l.say("calls: round %d of %d, %d of %d: %s", round+1, rounds, k+1, len(l.subjects), r.Name)
		under, err := l.callsUnder(ctx, l.subjects[at], m)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			// It may have hurt the load.
			l.failed(r, fmt.Sprintf("round %d of the calls", round+1), err)
			m.discard()
			if m, before, err = l.freshMeter(ctx); err != nil {
				return err
			}
			continue
		}
		after, err := m.costs(l.pieces)
		if err != nil {
			return err
		}
		l.lookForStrangers()
		r.putCalls(round, under, before, after)
		before = after
	}
	return nil
}

// knowCore makes one measurement that is thrown away, to know how fast the core is when nobody
// disturbs it.
func (l *lab) knowCore(ctx context.Context) error {
	m, _, err := l.freshMeter(ctx)
	if err != nil {
		return err
	}
	return m.stop()
}

// noteDisturbance puts into the notes how often the core was hardly ever the load's alone.
func (l *lab) noteDisturbance() {
	if l.core.disturbed > 0 {
		l.note(fmt.Sprintf("in %d of %d measurements of calls a neighbour shared the core nearly all the time: what the fastest calls took counts", l.core.disturbed, l.core.measured))
	}
}

// freshMeter starts a load and asks for what calls cost with nothing attached.
func (l *lab) freshMeter(ctx context.Context) (*meter, map[string]float64, error) {
	m, err := l.startMeter(ctx)
	if err != nil {
		return nil, nil, err
	}
	costs, err := m.costs(l.pieces)
	if err != nil {
		return nil, nil, errors.Join(err, m.stop())
	}
	return m, costs, nil
}

// callsUnder is what calls cost with the subject attached; pieces of programs have a process
// that a tracer of the load does not see.
func (l *lab) callsUnder(ctx context.Context, s subject, m *meter) (map[string]float64, error) {
	attached, err := s.attach(ctx, site{pid: m.pid(), meter: m})
	if err != nil {
		return nil, err
	}
	pieces := l.pieces
	if s.perProcess {
		pieces = nil
	}
	costs, err := m.costs(pieces)
	if err := errors.Join(err, attached.detach()); err != nil {
		return nil, err
	}
	if !attached.saw() {
		return nil, errSawNothing
	}
	return costs, nil
}
