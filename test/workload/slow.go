package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// slowResult is one call with the brackets of its caller on CLOCK_MONOTONIC: a
// tracer's duration can be no longer than AfterNs - BeforeNs.
type slowResult struct {
	PID      int    `json:"pid"`
	TID      int    `json:"tid"`
	Syscall  string `json:"syscall"`
	BeforeNs uint64 `json:"before_ns"`
	AfterNs  uint64 `json:"after_ns"`
}

// slow issues one call, op, on the file path. start is called right before it.
func slow(op, path string, start func() error) (slowResult, error) {
	call, done, err := prepare(op, path)
	if err != nil {
		return slowResult{}, err
	}
	defer done()
	if err := start(); err != nil {
		return slowResult{}, err
	}

	result := slowResult{PID: os.Getpid(), TID: unix.Gettid(), Syscall: op, BeforeNs: monotonic()}
	err = call()
	result.AfterNs = monotonic()
	if err != nil {
		return slowResult{}, fmt.Errorf("%s %s: %w", op, path, err)
	}
	return result, nil
}

// prepare gives the one call that op is on path, and what cleans up after it.
func prepare(op, path string) (call func() error, done func(), err error) {
	if op == "openat" {
		name, fd := cstring(path), -1
		call = func() (err error) { fd, err = openat(name); return err }
		return call, func() { unix.Close(fd) }, nil
	}
	if op != "read" && op != "fsync" {
		return nil, nil, fmt.Errorf("no operation %q: say read, fsync or openat", op)
	}
	fd, err := openat(cstring(path))
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	call = func() error { return fsync(fd) }
	if op == "read" {
		call = func() error { _, err := read1(fd); return err }
	}
	return call, func() { unix.Close(fd) }, nil
}
