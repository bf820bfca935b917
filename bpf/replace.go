package bpf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// Which events two programs see during a succession: enum doubles of syscount.h.
const (
	doubledEnds        = uint8(syscountDoublesDOUBLED_ENDS)
	doubledTracepoints = uint8(syscountDoublesDOUBLED_TRACEPOINTS)
	doubledFunctions   = uint8(syscountDoublesDOUBLED_FUNCTIONS)
	doubledSwitches    = uint8(syscountDoublesDOUBLED_SWITCHES)
)

// Replace puts programs for other options in the place of those that are attached. What
// Switch cannot change it can: groups, rows, waits, and whether calls are followed by
// their functions. No call is lost, and none is counted twice (bpf/succession.h): the
// new programs go on with the records of the old ones, with their filter and settings.
// ended is called when the old ones are gone, with the moment on CLOCK_MONOTONIC: EachRow
// then still tells of their rows, which are final, and of other ones after it, unless
// both have the same. After an error without that call nothing has changed.
func (t *Tracer) Replace(next Options, ended func(atNs uint64)) error {
	s, err := t.successor(next)
	if err != nil {
		return err
	}
	before := t.opts
	if err := t.toAccount(); err != nil {
		return errors.Join(err, s.Close())
	}
	at, err := t.joinedBy(s)
	if err != nil {
		_, again := t.switchBy(before)
		return errors.Join(err, s.Detach(), t.setDoubled(t.draining()), again, s.Close())
	}
	err = t.leaveTo(s)
	ended(at)
	err = errors.Join(err, t.become(s))
	if next = next.normal(); next != t.opts {
		_, failed := t.switchBy(next)
		err = errors.Join(err, failed)
	}
	return err
}

// toAccount: both ends of a call have to be seen where two programs look at them.
func (t *Tracer) toAccount() error {
	if t.mode == ModeAccount {
		return nil
	}
	between := t.opts
	between.Mode = ModeAccount
	_, err := t.switchBy(between)
	return err
}

// successor is a tracer that is not attached, over the maps of this one.
func (t *Tracer) successor(next Options) (*Tracer, error) {
	return planned(next, func(p plan) (*Tracer, error) { return t.successorBy(next, p) })
}

func (t *Tracer) successorBy(next Options, p plan) (_ *Tracer, err error) {
	s, spec, err := newTracer(next, p)
	if err != nil {
		return nil, err
	}
	defer closeOnError(s, &err)
	var edition uint32
	if err := t.objs.Edition.Get(&edition); err != nil {
		return nil, fmt.Errorf("read which programs these are: %w", err)
	}
	if err := spec.Variables["edition"].Set(1 - edition); err != nil {
		return nil, fmt.Errorf("set the constants: %w", err)
	}
	if err := s.assemble(spec, stored{maps: t.mapsFor(s.opts)}); err != nil {
		return nil, err
	}
	if s.near, err = s.mapNearRows(s.groupBy); err != nil {
		return nil, err
	}
	s.early, err = mapEarlyCalls(s.objs.EarlyLists, s.objs.FarLists)
	s.opts.Mode, s.opts.Sample, s.mode = ModeAccount, t.opts.Sample, ModeAccount
	return s, err
}

// ownMaps are of the programs themselves, or made for groups and their number.
var ownMaps = []string{"near_rows", "near_times", "early_lists", "far_lists", "rows", "rest", "process_names"}

// mapsFor are those that programs for other options go on with. The constants are
// never among them.
func (t *Tracer) mapsFor(next Options) map[string]*ebpf.Map {
	maps := map[string]*ebpf.Map{}
	for name, m := range t.parts.Maps {
		if name != ".rodata" && (t.opts.SameRows(next) || !slices.Contains(ownMaps, name)) {
			maps[name] = m
		}
	}
	return maps
}

// joinedBy attaches the successor too. From the moment that it returns all is seen twice. No record that was made
// before goes on: its calls could be plain, which the successor must not take it for (bpf/plain.h).
func (t *Tracer) joinedBy(s *Tracer) (at uint64, err error) {
	if err := errors.Join(t.setDoubled(s.doubles(t)), t.decideAnew()); err != nil {
		return 0, err
	}
	if t.byFunction() {
		if err := t.walkDrain(drainEnded); err != nil {
			return 0, err
		}
	}
	if err := t.attachSuccessor(s); err != nil {
		return 0, err
	}
	return monotonicNow()
}

// leaveTo leaves the successor alone.
func (t *Tracer) leaveTo(s *Tracer) error {
	return errors.Join(t.Detach(), t.setDoubled(s.draining()))
}

// doubles: the tracepoint of beginnings comes before the function.
func (s *Tracer) doubles(before *Tracer) uint8 {
	begins := doubledTracepoints
	if s.byFunction() || before.byFunction() {
		begins = doubledFunctions
	}
	return doubledEnds | doubledSwitches | begins
}

func (t *Tracer) setDoubled(doubled uint8) error {
	if err := t.objs.Doubled.Set(doubled); err != nil {
		return fmt.Errorf("say that two programs see each event: %w", err)
	}
	return nil
}

// attachSuccessor goes back to the tracepoints as Attach does.
func (t *Tracer) attachSuccessor(s *Tracer) error {
	if s.waits && !t.waits {
		if err := s.sinceNow(s.objs.WaitsSinceNs); err != nil {
			return err
		}
	}
	err := s.attachOver()
	if err == nil || !s.byFunction() {
		return err
	}
	if err := errors.Join(s.Detach(), s.targeted.refuse(err), t.setDoubled(s.doubles(t))); err != nil {
		return err
	}
	return s.attachOver()
}

// attachOver attaches to what others of ours are attached to.
func (s *Tracer) attachOver() error {
	if err := s.attach(slices.Concat(s.threadPrograms(), s.callPrograms())); err != nil {
		return err
	}
	if s.byFunction() {
		if err := s.beginDrain(); err != nil {
			return err
		}
	}
	if err := s.attach(s.modePrograms(s.mode)); err != nil || !s.byFunction() {
		return err
	}
	return s.sinceNow(s.objs.FollowedNs)
}

func (s *Tracer) sinceNow(word *ebpf.Variable) error {
	now, err := monotonicNow()
	if err != nil {
		return err
	}
	if err := word.Set(now); err != nil {
		return fmt.Errorf("say since when others are attached: %w", err)
	}
	return nil
}

// become makes the successor the tracer, and closes what was. The ring of slow calls is
// the same, and so is its reader.
func (t *Tracer) become(s *Tracer) error {
	old := &Tracer{objs: t.objs, parts: t.parts, near: t.near, early: t.early, targeted: t.targeted}
	if !t.opts.SameRows(s.opts) {
		t.calibrationCalls = 0
	}
	t.replaced.Lock()
	t.objs, t.parts, t.layout, t.links, t.drain = s.objs, s.parts, s.layout, s.links, s.drain
	t.opts, t.planned, t.targeted, t.mode = s.opts, s.planned, s.targeted, s.mode
	t.near, t.early, t.waits, t.groupBy = s.near, s.early, s.waits, s.groupBy
	t.replaced.Unlock()
	return old.Close()
}
