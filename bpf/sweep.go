package bpf

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Swept is what a sweep says of itself and of the next one.
type Swept struct {
	Found uint64        // calls that it handed over; those too that the ring had no room for
	Quiet time.Duration // for so long from its beginning on no sweep for calls of that age finds any that this one did not
}

// Sweep hands over every call that has been open for so long, through NextSlow
// and marked as Stuck. It looks at every thread of the host.
func (t *Tracer) Sweep(age time.Duration) (Swept, error) {
	now, err := monotonicNow()
	if err != nil {
		return Swept{}, err
	}
	o := &t.objs
	if err := errors.Join(o.SweepNs.Set(now), o.SweepAgeNs.Set(uint64(age)), o.SweepFound.Set(uint64(0)), o.SweepLeftNs.Set(noneLeft)); err != nil {
		return Swept{}, fmt.Errorf("begin a sweep: %w", err)
	}
	if err := walk(t.objs.Sweep, "the sweep"); err != nil {
		return Swept{}, err
	}
	var found, left uint64
	if err := errors.Join(o.SweepFound.Get(&found), o.SweepLeftNs.Get(&left)); err != nil {
		return Swept{}, fmt.Errorf("read what a sweep has found: %w", err)
	}
	return Swept{found, quietFor(now, age, left)}, nil
}

// noneLeft is a beginning that no call has: see sweep_left_ns in sweep.h.
const noneLeft = ^uint64(0)

// quietFor is how long it takes until the call that began at left, the oldest, is so old; one that begins now needs all
// of it. 0: that is not known.
func quietFor(now uint64, age time.Duration, left uint64) time.Duration {
	if left == 0 {
		return 0
	}
	began := min(left, now)
	return max(age-time.Duration(now-began), 0)
}

// walk runs an iterator over all threads of the host to its end.
func walk(program *ebpf.Program, what string) error {
	iter, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return explainLoad("attach "+what+" over tasks", err)
	}
	defer iter.Close()
	tasks, err := iter.Open()
	if err != nil {
		return fmt.Errorf("open %s over tasks: %w", what, err)
	}
	defer tasks.Close()
	if _, err := io.ReadAll(tasks); err != nil { // they write nothing
		return fmt.Errorf("%s over tasks: %w", what, err)
	}
	return nil
}
