package record

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Coarser buckets hold exactly what the finer ones held, where these lay.
func TestCoarserMovesNoValueOutOfItsBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		h := Histogram{Scale: random.IntN(12) - 4, Offset: random.IntN(400) - 200, Counts: make([]uint64, 1+random.IntN(60))}
		for i := range h.Counts {
			h.Counts[i] = random.Uint64N(1000)
		}
		c := h.coarser()
		got := make([]uint64, len(c.Counts))
		for i, n := range h.Counts {
			// The upper bound of a bucket is in its bucket: (lower, upper].
			index := int(math.Ceil(math.Ldexp(float64(h.Offset+i+1), -1))) - 1
			got[index-c.Offset] += n
		}
		if c.Scale != h.Scale-1 || got[0] != c.Counts[0] || got[len(got)-1] != c.Counts[len(got)-1] {
			t.Fatalf("%+v became %+v", h, c)
		}
		for i := range got {
			if got[i] != c.Counts[i] {
				t.Fatalf("%+v became %+v, want counts %v", h, c, got)
			}
		}
	}
}

// What Human says is true to the number of digits that it was asked for.
func FuzzHuman(f *testing.F) {
	for _, ns := range []uint64{0, 999, 9995, 999_950_000, 599_999_999_999, math.MaxUint64} {
		f.Add(ns, 4)
	}
	f.Fuzz(func(t *testing.T, ns uint64, digits int) {
		digits = 2 + (digits&0x7fffffff)%5
		text := Human(ns, digits)
		back, step := parseHuman(t, text)
		allowed := math.Max(float64(ns)*0.5*math.Pow(10, float64(1-digits)), step)
		if diff := math.Abs(back - float64(ns)); diff > allowed*1.000001 {
			t.Errorf("Human(%d, %d) = %q is off by %g ns, %g allowed", ns, digits, text, diff, allowed)
		}
	})
}

// parseHuman gives the nanoseconds that a text says, and the smallest part that
// a text of several parts leaves out.
func parseHuman(t *testing.T, text string) (ns, step float64) {
	t.Helper()
	units := map[string]float64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9, "d": 86400e9}
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		n, err := strconv.ParseFloat(words[i], 64)
		unit, ok := units[words[i+1]]
		if err != nil || !ok {
			t.Fatalf("cannot read %q", text)
		}
		ns += n * unit
	}
	if len(words) == 0 || len(words)%2 != 0 {
		t.Fatalf("cannot read %q", text)
	}
	switch {
	case ns >= units["d"]:
		return ns, units["min"]
	case ns >= 600e9:
		return ns, units["s"] / 2
	}
	return ns, 0
}
