package main

import (
	"context"
	"os"
	"strconv"
	"testing"
)

func TestACrowdStaysAndMakesItsCalls(t *testing.T) {
	c, err := startCrowd(t.Context(), 3, []int{testCPU(t)})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.stir(); err != nil {
			t.Fatal(err)
		}
	}
	pids := c.pids()
	if len(pids) != 3 || pids[0] == pids[1] {
		t.Errorf("processes %v", pids)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
}

func TestADeadCrowdFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := startCrowd(ctx, 2, []int{testCPU(t)})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := c.stop(); err == nil {
		t.Error("processes that were killed ended well")
	}
	if err := c.stir(); err == nil {
		t.Error("they made their calls")
	}
}
