package main

import (
	"slices"
	"testing"
)

// A core is shared where a probe takes much longer than the fastest one that there was, in
// this measurement or an earlier one.
func TestBatchesOfASharedCoreAreLeftOut(t *testing.T) {
	c := core{}
	shared := []batch{{300, 17000}, {310, 17200}}
	if got := c.undisturbed(shared); !slices.Equal(got, []float64{300, 310}) {
		t.Errorf("before anything faster was seen: %v", got)
	}
	mixed := []batch{{301, 17000}, {210, 8200}, {212, 9300}, {290, 9600}, {1, 0}}
	if got := c.undisturbed(mixed); !slices.Equal(got, []float64{210, 212}) {
		t.Errorf("of both kinds, and one without a probe: %v", got)
	}
	if got := c.undisturbed(shared); len(got) != 0 {
		t.Errorf("after something faster was seen: %v", got)
	}
}

func TestFirstDecile(t *testing.T) {
	var xs []float64
	for i := range 21 {
		xs = append(xs, float64(20-i)) // 20..0
	}
	for n, want := range map[int]float64{1: 20, 10: 11, 11: 11, 21: 2} {
		if got := firstDecile(xs[:n]); got != want {
			t.Errorf("first decile of %v = %v, want %v", xs[:n], got, want)
		}
	}
}

func TestTheFastestBatchesAreAFiftieth(t *testing.T) {
	var batches []batch
	for i := range 101 {
		batches = append(batches, batch{ns: float64(100 - i)}) // 100..0
	}
	for n, want := range map[int]float64{0: 0, 1: 100, 50: 51, 51: 51, 101: 2} {
		if got := fastOnes(batches[:n]); got != want {
			t.Errorf("the fastest of %d: %v, want %v", n, got, want)
		}
	}
}

// Whichever way a measurement goes, it is counted, and says what a call takes.
func TestAMeasurementSaysWhetherItWasDisturbed(t *testing.T) {
	m := testMeter(t)
	defer m.discard()
	m.core.fastest = 1 // nanosecond: no batch is undisturbed
	if ns, err := m.cost("getppid"); err != nil || ns <= 0 || m.core.measured != 1 || m.core.disturbed != 1 {
		t.Errorf("without an undisturbed batch: %v ns, %v, %+v", ns, err, *m.core)
	}
	m.core.fastest, m.Batches, m.Patience = 0, 10*enough, 5
	if ns, err := m.cost("getppid"); err != nil || ns <= 0 || m.core.measured != 2 || m.core.disturbed != 1 {
		t.Errorf("with undisturbed ones: %v ns, %v, %+v", ns, err, *m.core)
	}
}
