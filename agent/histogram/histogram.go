package histogram

import "math"

// Histogram counts durations by slot. The zero value is empty.
type Histogram [Slots]uint64

// Add counts one duration in nanoseconds.
func (h *Histogram) Add(ns uint64) { h[Slot(ns)]++ }

// Merge adds the counts of another histogram: the result is the histogram of
// both sets of calls, exactly.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// Sub takes away an earlier state of the same cumulative counters, so that what
// remains is what was counted since. A counter that is below its earlier state
// (the kernel's row was made anew) counts from 0: its value is what is new.
func (h *Histogram) Sub(old *Histogram) {
	for i, n := range old {
		if h[i] >= n {
			h[i] -= n
		}
	}
}

// Count is the number of durations in all slots.
func (h *Histogram) Count() uint64 {
	var sum uint64
	for _, n := range h {
		sum += n
	}
	return sum
}

// Quantile estimates the duration in nanoseconds that a share q (0 to 1) of the
// calls did not exceed: the one of rank ceil(q*count). Min and max are the
// shortest and the longest of them, in nanoseconds; 0 and math.MaxUint64 when they
// are not known. An empty histogram gives 0.
//
// The estimate is the geometric middle of the bucket that holds the true value,
// the bucket being narrowed to min and max. So it is off by 2^(1/8)-1 = 9.1 % at
// most, whatever the distribution; interpolating inside the bucket would be nearer
// on smooth data and up to 19 % off on others. The first and last slot are as wide
// as min and max leave them.
func (h *Histogram) Quantile(q float64, min, max uint64) uint64 {
	count := h.Count()
	switch {
	case count == 0:
		return 0
	case q <= 0 && min > 0:
		return min
	case q >= 1 && max < math.MaxUint64:
		return max
	}
	lo, hi := Bounds(h.slotOfRank(rank(q, count)))
	lo, hi = narrow(lo, hi, float64(min), float64(max))
	return uint64(math.Round(math.Sqrt(lo) * math.Sqrt(hi)))
}

// rank is the place of the q-quantile among count sorted values, from 1.
func rank(q float64, count uint64) uint64 {
	r := math.Ceil(q * float64(count))
	switch {
	case !(r >= 1): // NaN too
		return 1
	case r >= float64(count):
		return count
	}
	return uint64(r)
}

// slotOfRank finds the slot of the value with this rank, 1 <= rank <= count.
func (h *Histogram) slotOfRank(rank uint64) int {
	var below uint64
	for i, n := range h {
		if below += n; below >= rank {
			return i
		}
	}
	return Slots - 1
}

// narrow cuts a bucket to [min, max], and an open end to something finite. Where
// they do not meet, which contradictory input can bring about, the bucket's borders stand.
func narrow(lo, hi, min, max float64) (float64, float64) {
	if math.IsInf(hi, 1) {
		hi = lo * math.Exp2(1.0/perOctave)
		if max > hi && max < math.MaxUint64 {
			hi = max
		}
	}
	if min <= max && min <= hi && max >= lo {
		lo, hi = math.Max(lo, min), math.Min(hi, max)
	}
	return lo, hi
}

// OTel gives the histogram in the form of an OpenTelemetry exponential histogram:
// counts[i] is that of the bucket with index offset+i at this scale, which is
// (2^((offset+i)/4), 2^((offset+i+1)/4)] ns. Zeroes at both ends are trimmed; an empty
// histogram has no counts. Slot 0 is given as index 23, the bucket that ends at 64 ns,
// and the last slot as the bucket that it begins with.
func (h *Histogram) OTel() (scale, offset int, counts []uint64) {
	first, last := 0, Slots
	for first < Slots && h[first] == 0 {
		first++
	}
	if first == Slots {
		return 2, 0, nil
	}
	for h[last-1] == 0 {
		last--
	}
	return 2, firstOTel + first, append([]uint64(nil), h[first:last]...)
}
