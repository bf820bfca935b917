package main

import (
	"slices"
	"strings"
	"testing"
)

func TestTheLoadGetsACPUOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		cpus   []int
		want   int
		load   int
		others []int
		wrong  string
	}{
		{cpus: []int{0, 1}, want: -1, load: 1, others: []int{0}},
		{cpus: []int{0, 1, 2, 5}, want: 1, load: 1, others: []int{0, 2, 5}},
		{cpus: []int{3}, want: -1, load: 3, others: []int{3}},
		{cpus: []int{0, 1}, want: 7, wrong: "-cpu 7: must be one of the CPUs [0 1]"},
	} {
		load, others, err := split(test.cpus, test.want)
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("split(%v, %d): %v", test.cpus, test.want, err)
			}
			continue
		}
		if err != nil || load != test.load || !slices.Equal(others, test.others) {
			t.Errorf("split(%v, %d) = %d, %v, %v", test.cpus, test.want, load, others, err)
		}
	}
}

func TestPinningHoldsForAllThreads(t *testing.T) {
	before, err := allowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pinSelf(before); err != nil {
			t.Error(err)
		}
	})
	if err := pinSelf(before[:1]); err != nil {
		t.Fatal(err)
	}
	for range 20 { // on whatever thread this goroutine is each time
		done := make(chan []int)
		go func() {
			now, _ := allowedCPUs()
			done <- now
		}()
		if now := <-done; !slices.Equal(now, before[:1]) {
			t.Fatalf("a thread may run on %v, want %v", now, before[:1])
		}
	}
}

func TestPinningToNoCPUFails(t *testing.T) {
	if err := pinSelf(nil); err == nil {
		t.Error("pinned to nothing")
	}
}
