package histogram

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// maxError is what Quantile promises, and a hair for rounding to whole ns.
const maxError = 0.0906

// logUniform gives n durations from 100 ns to 1000 s, as many in each octave.
func logUniform(random *rand.Rand, n int) []uint64 {
	values := make([]uint64, n)
	for i := range values {
		values[i] = uint64(100 * math.Pow(1e10, random.Float64()))
	}
	return values
}

func of(values []uint64) *Histogram {
	var h Histogram
	for _, v := range values {
		h.Add(v)
	}
	return &h
}

func relativeError(got, want uint64) float64 {
	return math.Abs(float64(got)-float64(want)) / float64(want)
}

func TestMergeOfPartsIsTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	values := logUniform(random, 5000)
	var merged Histogram
	for part := range slices.Chunk(values, 777) {
		merged.Merge(of(part))
	}
	if whole := of(values); merged != *whole {
		t.Error("the merged parts are not the whole")
	}
	if merged.Count() != 5000 {
		t.Errorf("count is %d, want 5000", merged.Count())
	}
}

func TestSubLeavesWhatIsNew(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	before, since := logUniform(random, 1000), logUniform(random, 500)
	now := of(append(slices.Clone(before), since...))
	now.Sub(of(before))
	if *now != *of(since) {
		t.Error("the difference is not what was added since")
	}
}

func TestSubOfARowMadeAnewCountsFromZero(t *testing.T) {
	now, old := Histogram{5, 7, 0}, Histogram{3, 9, 1}
	now.Sub(&old)
	if want := (Histogram{2, 7, 0}); now != want {
		t.Errorf("difference is %v", now[:3])
	}
}

// A single duration anywhere in the range is given back within the promised error,
// with nothing known of min and max.
func TestTheErrorBoundHoldsOverTheWholeRange(t *testing.T) {
	worst := 0.0
	for ns := 100.0; ns <= 1000e9; ns *= 1.0007 {
		value := uint64(ns)
		got := of([]uint64{value}).Quantile(0.5, 0, math.MaxUint64)
		worst = max(worst, relativeError(got, value))
	}
	if worst > maxError {
		t.Errorf("the worst error is %.4f, promised %.4f", worst, maxError)
	}
	if worst < 0.08 {
		t.Errorf("the worst error is only %.4f: the sweep misses the borders", worst)
	}
}

func TestQuantilesAreNearTheExactOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 2, 3, 10, 1000, 30000} {
		values := logUniform(random, n)
		h := of(values)
		slices.Sort(values)
		for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			exact := values[max(0, int(math.Ceil(q*float64(n)))-1)]
			got := h.Quantile(q, values[0], values[n-1])
			if relativeError(got, exact) > maxError {
				t.Errorf("n=%d q=%g: %d, exact %d", n, q, got, exact)
			}
			if got < values[0] || got > values[n-1] {
				t.Errorf("n=%d q=%g: %d is outside of %d..%d", n, q, got, values[0], values[n-1])
			}
		}
	}
}

// All values at one end of a bucket: where interpolation would be 19 % off.
func TestTheErrorBoundHoldsForLopsidedBuckets(t *testing.T) {
	for _, value := range []uint64{1025, 1217, 1 << 20, 1<<20 + 1} {
		values := slices.Repeat([]uint64{value}, 1000)
		for _, q := range []float64{0.001, 0.5, 0.999} {
			if got := of(values).Quantile(q, 0, math.MaxUint64); relativeError(got, value) > maxError {
				t.Errorf("q=%g of %d: %d", q, value, got)
			}
		}
	}
}

func TestQuantilesRise(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	values := logUniform(random, 300)
	h, last := of(values), uint64(0)
	for q := 0.0; q <= 1; q += 0.001 {
		got := h.Quantile(q, slices.Min(values), slices.Max(values))
		if got < last {
			t.Fatalf("quantile %g is %d, below the one before, %d", q, got, last)
		}
		last = got
	}
}

func TestQuantileOfOddInput(t *testing.T) {
	over := uint64(3000e9) // beyond the last border
	for _, tt := range []struct {
		name     string
		h        *Histogram
		q        float64
		min, max uint64
		want     uint64
	}{
		{"empty", &Histogram{}, 0.5, 1, 2, 0},
		{"one value known exactly", of([]uint64{1000}), 0.5, 1000, 1000, 1000},
		{"q below 0", of([]uint64{1000, 2000}), -1, 1000, 2000, 1000},
		{"q above 1", of([]uint64{1000, 2000}), 7, 1000, 2000, 2000},
		{"q is no number", of([]uint64{1000}), math.NaN(), 1000, 1000, 1000},
		{"slot 0 with min", of([]uint64{40}), 0.5, 40, 40, 40},
		{"slot 0 without min", of([]uint64{40}), 0.5, 0, math.MaxUint64, 0},
		{"last slot with max", of([]uint64{over}), 0.5, over, over, over},
		{"contradiction: max below the bucket", of([]uint64{1000}), 0.5, 1, 2, 939},
		{"contradiction: min above max", of([]uint64{1000}), 0.5, 9, 2, 939},
	} {
		if got := tt.h.Quantile(tt.q, tt.min, tt.max); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	full := Histogram{}
	for i := range full {
		full[i] = math.MaxUint64 / Slots
	}
	if got := full.Quantile(0.999, 0, math.MaxUint64); got < 1000e9 || got > 4000e9 {
		t.Errorf("p99.9 of huge counts is %d", got)
	}
}

func TestOTel(t *testing.T) {
	for _, tt := range []struct {
		name   string
		give   []uint64
		offset int
		counts []uint64
	}{
		{"empty", nil, 0, nil},
		{"slot 0", []uint64{1, 64}, 23, []uint64{2}},
		{"slot 1 is index 24", []uint64{65}, 24, []uint64{1}},
		{"2^10 ends index 39", []uint64{1024}, 39, []uint64{1}},
		{"a hole is kept", []uint64{1024, 1025, 2000}, 39, []uint64{1, 1, 0, 0, 1}},
		{"the last", []uint64{math.MaxUint64}, 162, []uint64{1}},
	} {
		scale, offset, counts := of(tt.give).OTel()
		if scale != 2 || offset != tt.offset || !reflect.DeepEqual(counts, tt.counts) {
			t.Errorf("%s: scale %d, offset %d, counts %v; want 2, %d, %v", tt.name, scale, offset, counts, tt.offset, tt.counts)
		}
	}
}

// OpenTelemetry's own formula (ceil(log2(v) * 2^scale) - 1) gives the index
// under which OTel files a duration.
func TestOTelAgreesWithTheSpecification(t *testing.T) {
	for ns := 65.0; ns < 1500e9; ns *= 1.013 {
		value := uint64(ns)
		want := int(math.Ceil(math.Log2(float64(value))*4)) - 1
		if _, offset, _ := of([]uint64{value}).OTel(); offset != want {
			t.Errorf("%d ns is under index %d, the specification says %d", value, offset, want)
		}
	}
}

// The counts are a copy: the caller may keep them while the histogram goes on.
func TestOTelCountsAreACopy(t *testing.T) {
	h := of([]uint64{1000})
	_, _, counts := h.OTel()
	h.Add(1000)
	if counts[0] != 1 {
		t.Error("the counts changed with the histogram")
	}
}

func BenchmarkSlot(b *testing.B) {
	ns := uint64(12345)
	for b.Loop() {
		ns += uint64(Slot(ns))
	}
}
