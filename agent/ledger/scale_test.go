package ledger

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/syscountd/syscountd/agent/histogram"
)

func lineWith(count, timed, totalNs uint64, bars ...bar) *Line {
	return &Line{Count: count, Timed: timed, TotalNs: totalNs, bars: bars}
}

func TestScaledTimesStandForAllCalls(t *testing.T) {
	lines := Lines{lineWith(160, 10, 1000, newBar(3, 7), newBar(9, 3))}
	lines.Scale()
	got := lines[0]
	if got.TotalNs != 16_000 || got.Count != 160 || got.bars[0] != newBar(3, 112) || got.bars[1] != newBar(9, 48) {
		t.Errorf("%+v", got)
	}
}

func TestALineThatIsTimedWhollyOrNotAtAllStays(t *testing.T) {
	for _, l := range []*Line{lineWith(5, 5, 50, newBar(1, 5)), lineWith(5, 0, 0)} {
		before := *l
		l.scale()
		if l.TotalNs != before.TotalNs || l.Timed != before.Timed || len(l.bars) != len(before.bars) {
			t.Errorf("%+v became %+v", before, l)
		}
	}
}

// Whatever the numbers, the histogram holds as many calls as the line.
func TestAScaledHistogramHoldsAllCalls(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		l := &Line{}
		for slot := range rng.IntN(20) {
			n := 1 + rng.Uint64N(1000)
			l.bars = append(l.bars, newBar(slot, n))
			l.Timed += n
		}
		if l.Timed == 0 {
			continue
		}
		l.Count = l.Timed + rng.Uint64N(1<<40)
		l.scale()
		var h histogram.Histogram
		l.Histogram(&h)
		if h.Count() != l.Count {
			t.Fatalf("%d calls in the histogram of %d", h.Count(), l.Count)
		}
	}
}

func TestMulDiv(t *testing.T) {
	for _, test := range []struct{ a, b, c, want uint64 }{
		{0, 5, 3, 0}, {7, 3, 2, 10}, {math.MaxUint64, 2, 2, math.MaxUint64}, {math.MaxUint64, 2, 1, math.MaxUint64},
		{1 << 40, 1 << 40, 1 << 20, 1 << 60},
	} {
		if got := mulDiv(test.a, test.b, test.c); got != test.want {
			t.Errorf("%d*%d/%d is %d, want %d", test.a, test.b, test.c, got, test.want)
		}
	}
}

// A random sample's scaled total is right on the average, and as far off as its
// standard error says: 50 runs with seeds, a mix of fast and slow calls.
func TestTheErrorOfASampleIsAsDocumented(t *testing.T) {
	const calls, every = 200_000, 16
	within := 0
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 5))
		var exact, timed, total uint64
		var squares float64
		skip := 1
		for range calls {
			ns := uint64(300 * math.Exp(rng.NormFloat64()))
			exact += ns
			if skip--; skip == 0 {
				skip = 1 + rng.IntN(2*every-1)
				timed++
				total += ns
				squares += float64(ns) * float64(ns)
			}
		}
		l := lineWith(calls, timed, total)
		l.scale()
		mean := float64(total) / float64(timed)
		spread := math.Sqrt(squares/float64(timed) - mean*mean)
		standardError := spread / math.Sqrt(float64(timed)) * calls
		if math.Abs(float64(l.TotalNs)-float64(exact)) <= 2*standardError {
			within++
		}
	}
	if within < 43 { // 95 % of 50, less three standard deviations
		t.Errorf("%d of 50 runs are within two standard errors", within)
	}
}
