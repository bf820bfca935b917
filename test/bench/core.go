package main

import (
	"slices"
	"time"
)

// A CPU of a virtual machine has two speeds: that of a core, and what is left of it
// while a neighbour's thread has the other half. It changes between them many times a second, and
// nothing in the guest says which it is. So each batch of calls has a probe before and after it: arithmetic that keeps all units
// of the core busy, which takes up to twice as long when the core is shared.

// probeRounds make a probe last some 8 us where nobody disturbs it: short against a batch.
const probeRounds = 200

// probe gives the nanoseconds that the arithmetic takes. It makes no system call.
func probe(units *[64]uint64) float64 {
	start := time.Now()
	for range probeRounds {
		for i := range units {
			units[i] = units[i]*3 + uint64(i) // none waits for another
		}
	}
	return float64(time.Since(start))
}

// batch is some calls in a row.
type batch struct {
	ns    float64 // per call
	probe float64 // nanoseconds of the longer one of the probes before and after it; 0: there were none
}

// core is the load's, as far as it is known.
type core struct {
	fastest float64 // nanoseconds of a probe, of all so far
	// Measurements, and those of them in which too few batches were undisturbed.
	measured, disturbed int
}

// undisturbed are the nanoseconds per call of those batches in which the core was the load's alone.
func (c *core) undisturbed(batches []batch) []float64 {
	const alone = 1.15 // more than the noise of undisturbed probes, far less than what sharing adds
	for _, b := range batches {
		if b.probe > 0 && (c.fastest == 0 || b.probe < c.fastest) {
			c.fastest = b.probe
		}
	}
	var calm []float64
	for _, b := range batches {
		if b.probe > 0 && b.probe <= alone*c.fastest {
			calm = append(calm, b.ns)
		}
	}
	return calm
}

// firstDecile is what a tenth of xs does not exceed, of at least one: a probe does not see every
// disturbance.
func firstDecile(xs []float64) float64 {
	return slices.Sorted(slices.Values(xs))[(len(xs)-1)/10]
}

// fastOnes is what the calls of the fastest fiftieth of the batches take at most, and 0 of none.
func fastOnes(batches []batch) float64 {
	if len(batches) == 0 {
		return 0
	}
	var all []float64
	for _, b := range batches {
		all = append(all, b.ns)
	}
	slices.Sort(all)
	return all[(len(all)-1)/50]
}
