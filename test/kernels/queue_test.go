package kernels

import (
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
)

func TestMachinesBeginInTheirOrderAndSomeAtATime(t *testing.T) {
	const places, machines = 2, 6
	q := newQueue(places)
	var running, most atomic.Int32
	begun := make(chan int, machines)
	failed := errors.New("failed")
	var all []*booting
	for i := range machines {
		all = append(all, q.begin(func() (string, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			begun <- i
			running.Add(-1)
			return strconv.Itoa(i), failed
		}))
	}
	for i, b := range all {
		if console, err := b.wait(); console != strconv.Itoa(i) || !errors.Is(err, failed) {
			t.Errorf("machine %d: %q, %v", i, console, err)
		}
	}
	if n := most.Load(); n > places {
		t.Errorf("%d machines at a time; want at most %d", n, places)
	}
	// Two that have a place may begin in either order.
	var order []int
	for range machines {
		order = append(order, <-begun)
	}
	for i, n := range order {
		if n < i-places || n > i+places {
			t.Errorf("begun in the order %v", order)
		}
	}
	slices.Sort(order)
	if !slices.Equal(order, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("begun: %v; want each once", order)
	}
}
