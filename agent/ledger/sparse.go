package ledger

import (
	"slices"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

// sparse is a histogram without its empty slots, in the order of the slots.
// Most rows fill fewer than ten of the 140: 50,000 rows fit into a few MB.
type sparse []bar

type bar struct {
	slot uint8
	n    uint64
}

// catchUp makes the histogram what the kernel's counts are now, and calls added
// with what is new in a slot. The kernel's counters run modulo 2^32, and so does
// the difference.
func (s *sparse) catchUp(now *[bpf.HistogramSlots]uint32, added func(slot int, n uint64)) {
	i := 0
	for slot, n := range now {
		switch {
		case i < len(*s) && int((*s)[i].slot) == slot:
			if more := n - uint32((*s)[i].n); more != 0 {
				added(slot, uint64(more))
				(*s)[i].n = uint64(n)
			}
			i++
		case n != 0:
			added(slot, uint64(n))
			if *s == nil {
				*s = make(sparse, 0, 8)
			}
			*s = slices.Insert(*s, i, bar{uint8(slot), uint64(n)})
			i++
		}
	}
}

// add counts n more calls in a slot.
func (s *sparse) add(slot int, n uint64) {
	if len(*s) == 0 {
		*s = make(sparse, 0, 12)
	}
	if last := len(*s) - 1; last < 0 || int((*s)[last].slot) < slot {
		*s = append(*s, bar{uint8(slot), n})
		return
	}
	i, found := slices.BinarySearchFunc(*s, slot, func(b bar, slot int) int { return int(b.slot) - slot })
	if !found {
		*s = slices.Insert(*s, i, bar{slot: uint8(slot)})
	}
	(*s)[i].n += n
}

// dense is the same with all its slots.
func (s sparse) dense(into *histogram.Histogram) {
	for _, b := range s {
		into[b.slot] += b.n
	}
}
