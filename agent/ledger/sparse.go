package ledger

import (
	"slices"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf"
)

// sparse is a histogram without its empty slots, in the order of the slots.
// Most rows fill fewer than ten of the 140: 50,000 rows fit into a few MB.
type sparse []bar

// bar is a slot and the number of calls in it: 8 bits and 56 bits of a word. There
// are so many of them that a second word for the slot would be a quarter of all our memory.
type bar uint64

const mostCalls = 1<<56 - 1

func newBar(slot int, n uint64) bar { return bar(uint64(slot)<<56 | min(n, mostCalls)) }

func (b bar) slot() int { return int(b >> 56) }

func (b bar) calls() uint64 { return uint64(b) & mostCalls }

// sparseFor is empty, with room for so many calls: most rows of processes that live for some ms are of one or two,
// and there may be tens of thousands of them.
func sparseFor(calls uint64) sparse { return make(sparse, 0, min(max(calls, 1), 8)) }

// run is how many slots are looked at at once; it divides their number. Nearly
// all runs are empty.
const run = 4

// catchUp makes the histogram what the kernel's counts are now, and adds what is
// new in a slot to sum. The kernel's counters run modulo 2^32, and so does the
// difference.
func (s *sparse) catchUp(now *[bpf.HistogramSlots]uint32, sum *sparse) {
	i := 0
	for first := 0; first < len(now); first += run {
		four := (*[run]uint32)(now[first:])
		// A counter that was there may be 0: it has run round.
		known := i < len(*s) && (*s)[i].slot() < first+run
		if !known && four[0]|four[1]|four[2]|four[3] == 0 {
			continue
		}
		for k, n := range four {
			i = s.catchUpSlot(i, first+k, n, sum)
		}
	}
}

// catchUpSlot does so for one slot; its bar is at i or is not there. It returns
// where the next slot's is.
func (s *sparse) catchUpSlot(i, slot int, n uint32, sum *sparse) int {
	switch {
	case i < len(*s) && (*s)[i].slot() == slot:
		if more := n - uint32((*s)[i].calls()); more != 0 {
			sum.add(slot, uint64(more))
			(*s)[i] = newBar(slot, uint64(n))
		}
	case n != 0:
		sum.add(slot, uint64(n))
		*s = slices.Insert(*s, i, newBar(slot, uint64(n)))
	default:
		return i
	}
	return i + 1
}

// add counts n more calls in a slot.
func (s *sparse) add(slot int, n uint64) {
	if last := len(*s) - 1; last < 0 || (*s)[last].slot() < slot {
		*s = append(*s, newBar(slot, n))
		return
	}
	i, found := slices.BinarySearchFunc(*s, slot, func(b bar, slot int) int { return b.slot() - slot })
	if !found {
		*s = slices.Insert(*s, i, newBar(slot, 0))
	}
	(*s)[i] = newBar(slot, (*s)[i].calls()+n)
}

// dense is the same with all its slots.
func (s sparse) dense(into *histogram.Histogram) {
	for _, b := range s {
		into[b.slot()] += b.calls()
	}
}
