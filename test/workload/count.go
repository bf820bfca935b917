package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// countPlan is how many calls of each kind to issue.
type countPlan struct {
	Getppid    uint64 `json:"getppid"`
	ReadZero   uint64 `json:"read"`   // of one byte of /dev/zero
	OpenatFail uint64 `json:"openat"` // all of which fail with ENOENT

	untilTerm bool // Getppid is how many there were when SIGTERM came
}

// countResult is what was issued, and when on CLOCK_MONOTONIC.
type countResult struct {
	PID     int       `json:"pid"`
	Calls   countPlan `json:"calls"`
	StartNs uint64    `json:"start_ns"`
	EndNs   uint64    `json:"end_ns"`
}

// missing is a path that does not exist, nor does its directory.
const missing = "/nonexistent/syscountd-workload"

// getppidUntil calls getppid until the signal comes, and says how often.
func getppidUntil(end os.Signal) (calls uint64) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, end)
	defer signal.Stop(ended)
	for len(ended) == 0 {
		getppid()
		calls++
	}
	return calls
}

// count issues the calls of plan. start is called after the preparations and
// before the first of them. A call that does not do what it should is an error:
// a count is only exact if each call was one.
func count(plan countPlan, start func() error) (countResult, error) {
	zero, err := openat(cstring("/dev/zero"))
	if err != nil {
		return countResult{}, fmt.Errorf("open /dev/zero: %w", err)
	}
	defer unix.Close(zero)
	if err := start(); err != nil {
		return countResult{}, err
	}

	result := countResult{PID: os.Getpid(), Calls: plan, StartNs: monotonic()}
	if plan.untilTerm {
		result.Calls.Getppid = getppidUntil(unix.SIGTERM)
	}
	for range plan.Getppid {
		getppid()
	}
	for i := range plan.ReadZero {
		if n, err := read1(zero); n != 1 {
			return countResult{}, fmt.Errorf("read %d of %d of /dev/zero gave %d bytes: %w", i+1, plan.ReadZero, n, err)
		}
	}
	path := cstring(missing)
	for i := range plan.OpenatFail {
		if _, err := openat(path); !errors.Is(err, unix.ENOENT) {
			return countResult{}, fmt.Errorf("openat %d of %d of %s gave %v instead of ENOENT", i+1, plan.OpenatFail, missing, err)
		}
	}
	result.EndNs = monotonic()
	return result, nil
}
