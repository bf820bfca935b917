package histogram

import (
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// reference finds the slot by exact arithmetic: ns is at most 2^(6+i/4) exactly
// when ns^4 is at most 2^(24+i), and so when ns^4-1 has at most 24+i bits.
func reference(ns uint64) int {
	if ns == 0 {
		return 0
	}
	n := new(big.Int).SetUint64(ns)
	n.Exp(n, big.NewInt(4), nil)
	n.Sub(n, big.NewInt(1))
	return min(max(n.BitLen()-24, 0), Slots-1)
}

// Around each border of each bucket, and around each power of two, the slot is
// that of exact arithmetic.
func TestSlotIsExactAtEveryBorder(t *testing.T) {
	check := func(ns uint64) {
		t.Helper()
		if got, want := Slot(ns), reference(ns); got != want {
			t.Errorf("slot of %d ns is %d, want %d", ns, got, want)
		}
	}
	for ns := range uint64(5000) {
		check(ns)
	}
	for i := range 4 * 64 {
		border := math.Exp2(float64(i) / 4)
		if border >= math.MaxUint64 {
			break
		}
		// A float64 is exact to 53 bits: look around by as much as it may be off.
		step := uint64(1) << max(0, bits.Len64(uint64(border))-54)
		for d := -20; d <= 20; d++ {
			check(uint64(border) + uint64(d)*step)
			check(uint64(border) + uint64(d))
		}
	}
	check(math.MaxUint64)
}

func TestSlotIsExactAnywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		ns := random.Uint64() >> random.UintN(64)
		if got, want := Slot(ns), reference(ns); got != want {
			t.Fatalf("slot of %d ns is %d, want %d", ns, got, want)
		}
	}
}

func TestPowersOfTwoEndTheirBucket(t *testing.T) {
	for _, tt := range []struct {
		ns   uint64
		want int
	}{
		{0, 0}, {1, 0}, {64, 0}, {65, 1}, {76, 1}, {77, 2}, {128, 4}, {129, 5},
		{1 << 20, 56}, {1<<20 + 1, 57},
		{1 << 40, 136}, {1000e9, 136}, {1554e9, 138}, {1555e9, 139}, {math.MaxUint64, 139},
	} {
		if got := Slot(tt.ns); got != tt.want {
			t.Errorf("slot of %d ns is %d, want %d", tt.ns, got, tt.want)
		}
	}
}

func TestBordersAreTheFloorsOfTheTrueOnes(t *testing.T) {
	for i, border := range []uint64{border1, border2, border3} {
		// border^4 <= 2^(4*63+i) < (border+1)^4
		exact := new(big.Int).Lsh(big.NewInt(1), uint(4*63+i+1))
		b := new(big.Int).SetUint64(border)
		four := big.NewInt(4)
		if new(big.Int).Exp(b, four, nil).Cmp(exact) > 0 {
			t.Errorf("border %d is above the true one", i+1)
		}
		if b.Add(b, big.NewInt(1)).Exp(b, four, nil).Cmp(exact) <= 0 {
			t.Errorf("border %d is not the floor", i+1)
		}
	}
}

func TestBoundsHoldTheirDurations(t *testing.T) {
	for ns := 1.0; ns < 2e12; ns *= 1.01 {
		whole := uint64(ns)
		lo, hi := Bounds(Slot(whole))
		if !(float64(whole) > lo && float64(whole) <= hi) {
			t.Errorf("%d ns is in slot %d of (%g, %g]", whole, Slot(whole), lo, hi)
		}
	}
}

func TestBoundsAreSeamless(t *testing.T) {
	_, last := Bounds(0)
	if lo, _ := Bounds(0); lo != 0 || last != 64 {
		t.Errorf("slot 0 is (%g, %g]", lo, last)
	}
	for slot := 1; slot < Slots; slot++ {
		lo, hi := Bounds(slot)
		if lo != last || hi <= lo {
			t.Errorf("slot %d is (%g, %g], the one before ends at %g", slot, lo, hi, last)
		}
		last = hi
	}
	if !math.IsInf(last, 1) {
		t.Errorf("the last slot ends at %g", last)
	}
	for _, slot := range []int{-1, math.MinInt, Slots, math.MaxInt} {
		lo, hi := Bounds(slot)
		wantLo, wantHi := Bounds(min(max(slot, 0), Slots-1))
		if lo != wantLo || hi != wantHi {
			t.Errorf("bounds of no slot %d are (%g, %g]", slot, lo, hi)
		}
	}
}

// 1000 s is inside the range: only what is longer loses its resolution.
func TestTheRangeHoldsAThousandSeconds(t *testing.T) {
	if lo, _ := Bounds(Slots - 1); lo < 1000e9 {
		t.Errorf("the last slot begins at %g ns", lo)
	}
}
