package main

import (
	"fmt"
	"io"
)

// lab measures: it has the subjects in hand, and puts what they cost into the
// result.
type lab struct {
	subjects   []subject
	workloads  []workload
	rowService *rowService
	syscountd  string   // the binary that is measured
	pieces     []string // of programs, that are measured like calls
	dir        string   // for what the load writes
	all, rest  []int    // CPUs: all that we may use, and those that the load leaves
	foreign    programs // of others, that were there at the start
	strangers  int      // measurements after which there were more of them
	core       core
	progress   io.Writer
	result     *result
}

// order is the order of n subjects in a round: each round begins with another one, and every
// second one goes backwards, so that no subject always follows the same
// neighbour, and what drifts hits all alike. 7919 is prime: no number of subjects
// divides it.
func order(n, round int) []int {
	indices := make([]int, n)
	for i := range indices {
		at := (round*7919 + i) % n
		if round%2 == 1 {
			at = n - 1 - at
		}
		indices[i] = at
	}
	return indices
}

// say prints progress: what is measured, and how much is done.
func (l *lab) say(format string, args ...any) { fmt.Fprintf(l.progress, format+"\n", args...) }

// failed takes note of a subject that has failed at something. What shows in
// the tables is not said again in the notes.
func (l *lab) failed(r *subjectResult, at string, err error) {
	r.fail(err)
	l.say("    %s: %s", r.Key, printable(err.Error()))
	if r.measured() {
		l.result.Notes = append(l.result.Notes, fmt.Sprintf("%s, %s: %s", r.Name, at, printable(err.Error())))
	}
}
