package bpf_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
)

// slot_of_ns() in the kernel and Slot() in Go are one function: at every border
// of a slot, at every power of two, and anywhere else.
func TestHistogramTwins(t *testing.T) {
	if bpf.HistogramSlots != histogram.Slots {
		t.Fatalf("%d slots in C, %d in Go", bpf.HistogramSlots, histogram.Slots)
	}
	durations := []uint64{0, math.MaxUint64}
	around := func(ns uint64) { durations = append(durations, ns-1, ns, ns+1) }
	for slot := range histogram.Slots - 1 {
		_, hi := histogram.Bounds(slot)
		around(uint64(hi))
	}
	for bit := range 64 {
		around(1 << bit)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		durations = append(durations, random.Uint64()>>random.IntN(64)) // all magnitudes alike
	}
	slots, err := bpftest.KernelSlots(durations)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	used := map[int]bool{}
	for i, ns := range durations {
		want := histogram.Slot(ns)
		if slots[i] != uint32(want) {
			t.Errorf("%d ns: slot %d in C, %d in Go", ns, slots[i], want)
		}
		used[want] = true
	}
	if len(used) != histogram.Slots {
		t.Errorf("%d slots were used; want all %d", len(used), histogram.Slots)
	}
}
