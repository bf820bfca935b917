package bpf

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf/link"
)

// Sweep hands over every call that has been open for so long, through NextSlow
// and marked as Stuck. It looks at every thread of the host.
func (t *Tracer) Sweep(age time.Duration) error {
	now, err := monotonicNow()
	if err != nil {
		return err
	}
	if err := errors.Join(t.objs.SweepNs.Set(now), t.objs.SweepAgeNs.Set(uint64(age))); err != nil {
		return fmt.Errorf("begin a sweep: %w", err)
	}
	iter, err := link.AttachIter(link.IterOptions{Program: t.objs.Sweep})
	if err != nil {
		return explainLoad("attach the sweep over tasks", err)
	}
	defer iter.Close()
	walk, err := iter.Open()
	if err != nil {
		return fmt.Errorf("open the sweep over tasks: %w", err)
	}
	defer walk.Close()
	if _, err := io.Copy(io.Discard, walk); err != nil {
		return fmt.Errorf("sweep the tasks: %w", err)
	}
	return nil
}
