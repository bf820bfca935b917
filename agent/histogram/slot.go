// Package histogram is the Go twin of the kernel side's histograms of durations:
// base-2 exponential buckets of OpenTelemetry's scale 2, four to an octave, each
// 2^(1/4) = 1.19 times as wide as the one before. Histograms of hosts and
// intervals merge without error.
package histogram

import (
	"math"
	"math/bits"
)

// Slots is the number of counters. Slot 0 takes all up to 64 ns, less than any
// system call costs; the last takes all above 2^40.5 ns, 26 minutes.
const Slots = 140

const (
	perOctave = 4  // buckets to a doubling: OpenTelemetry's scale 2
	firstExp  = 6  // slot 0 ends at 2^6 ns
	firstOTel = 23 // the OpenTelemetry index of slot 0: the bucket that ends at 2^6
)

// The quarters of an octave, for a duration that is shifted until its highest bit
// is bit 63: floor(2^63 * 2^(i/4)). A whole number is above the true, irrational
// border exactly when it is above the border's floor. In C:
//
//	#define HIST_SLOTS    140
//	#define HIST_B1       0x9837f0518db8a96fULL
//	#define HIST_B2       0xb504f333f9de6484ULL
//	#define HIST_B3       0xd744fccad69d6af4ULL
//	#define HIST_ONE      0x8000000000000000ULL
const (
	border1 = 0x9837f0518db8a96f
	border2 = 0xb504f333f9de6484
	border3 = 0xd744fccad69d6af4
	one     = 0x8000000000000000
)

// Slot gives the counter for a duration, in whole numbers only, as the kernel
// side does it. Buckets include their upper border, as OpenTelemetry's
// do: 2^k ns exactly is the last of its octave, not the first of the next. In C,
// k being the number of the highest bit (63 - clz) of ns:
//
//	if (ns <= 64) return 0;
//	m = ns << (63 - k);
//	slot = 4 * (k - 6) + (m > HIST_ONE) + (m > HIST_B1) + (m > HIST_B2) + (m > HIST_B3);
//	return slot < HIST_SLOTS ? slot : HIST_SLOTS - 1;
func Slot(ns uint64) int {
	if ns <= 1<<firstExp {
		return 0
	}
	k := bits.Len64(ns) - 1
	m := ns << (63 - k)
	slot := perOctave * (k - firstExp)
	for _, border := range [...]uint64{one, border1, border2, border3} {
		if m > border {
			slot++
		}
	}
	return min(slot, Slots-1)
}

// Bounds gives the borders of a slot in nanoseconds: durations above lo and up to
// and including hi. Slot 0 begins at 0 (and has 0 itself in it), the last slot
// ends at +Inf. A number that is no slot has the bounds of the nearest one.
func Bounds(slot int) (lo, hi float64) {
	slot = min(max(slot, 0), Slots-1)
	lo, hi = 0, math.Inf(1)
	if slot > 0 {
		lo = math.Exp2(firstExp + float64(slot-1)/perOctave)
	}
	if slot < Slots-1 {
		hi = math.Exp2(firstExp + float64(slot)/perOctave)
	}
	return lo, hi
}
