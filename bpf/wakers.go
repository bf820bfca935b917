package bpf

import (
	"errors"
	"fmt"
)

// FollowWakers says whether ModeWatch notices who wakes threads up, so that Wait.Waker is known
// of waits that end from now on. The other modes do so always, unless NoWaits: there it is for
// the next time in ModeWatch. The program that it takes runs at each wake-up of the host, about
// as often as the one at each context switch, and costs as much before it has done anything:
// a quarter of what the mode costs those who block. After an error nothing has changed.
func (t *Tracer) FollowWakers(follow bool) error {
	before := t.wakers
	t.wakers = follow
	if t.mode != ModeWatch || len(t.links) == 0 {
		return nil
	}
	if !follow {
		return t.detachOthers(t.mode)
	}
	was := len(t.links)
	if err := t.attach(t.missing(t.mode)); err != nil {
		t.wakers = before
		return errors.Join(fmt.Errorf("follow who wakes threads up: %w", err), t.detachTo(was))
	}
	return nil
}

// FollowsWakers is what FollowWakers was told last. What was adopted in ModeWatch says it likewise.
func (t *Tracer) FollowsWakers() bool { return t.wakers }
