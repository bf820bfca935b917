package kernels

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
)

func TestMachinesBeginInTheirOrderAndSomeAtATime(t *testing.T) {
	const places, machines = 2, 6
	q := newQueue(places)
	failed := errors.New("failed")
	begun := make(chan int, machines)
	var running, most atomic.Int32
	var all []*booting
	var end [machines]chan struct{}
	for i := range machines {
		end[i] = make(chan struct{})
		all = append(all, q.begin(func() (string, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			begun <- i
			<-end[i]
			return strconv.Itoa(i), failed
		}))
	}
	// Two that have a place may begin in either order.
	ours := map[int]bool{<-begun: true, <-begun: true}
	for i, b := range all {
		if !ours[i] {
			t.Fatalf("%v run; want machine %d among them", ours, i)
		}
		close(end[i])
		delete(ours, i)
		if console, err := b.wait(); console != strconv.Itoa(i) || !errors.Is(err, failed) {
			t.Errorf("machine %d: %q, %v", i, console, err)
		}
		if i+places < machines {
			if n := <-begun; n != i+places {
				t.Fatalf("machine %d begins; want %d", n, i+places)
			}
			ours[i+places] = true
		}
	}
	if n := most.Load(); n != places {
		t.Errorf("%d machines at a time; want %d", n, places)
	}
}
