package ledger

import (
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

// grown returns the kernel's counts as a sparse histogram, and calls add with
// what has grown since before. The kernel's counters run modulo 2^32, and so
// does the difference.
func (before sparse) grown(now *[bpf.HistogramSlots]uint32, add func(slot int, n uint32)) sparse {
	after := before[:0]
	old := append(sparse(nil), before...)
	for slot, n := range now {
		var was uint32
		if len(old) > 0 && int(old[0].slot) == slot {
			was, old = uint32(old[0].n), old[1:]
		}
		if n != was {
			add(slot, n-was)
		}
		if n != 0 {
			after = append(after, bar{uint8(slot), uint64(n)})
		}
	}
	return after
}

// add counts n more calls in a slot.
func (s *sparse) add(slot int, n uint64) {
	i := 0
	for i < len(*s) && int((*s)[i].slot) < slot {
		i++
	}
	if i == len(*s) || int((*s)[i].slot) != slot {
		*s = append(*s, bar{})
		copy((*s)[i+1:], (*s)[i:])
		(*s)[i] = bar{slot: uint8(slot)}
	}
	(*s)[i].n += n
}

// dense is the same with all its slots.
func (s sparse) dense(into *histogram.Histogram) {
	for _, b := range s {
		into[b.slot] += b.n
	}
}
