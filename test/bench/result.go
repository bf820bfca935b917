package main

import (
	"time"
)

// result is all that a run has found out: what -json prints.
type result struct {
	Started  time.Time        `json:"started"`
	Took     float64          `json:"took_s"`
	Settings settings         `json:"settings"`
	Machine  machine          `json:"machine"`
	Versions []version        `json:"versions"`
	Programs []programName    `json:"programs"`
	Pieces   []string         `json:"pieces"` // of programs, measured like calls
	Subjects []*subjectResult `json:"subjects"`
	Slow     *slowResult      `json:"slow,omitempty"`
	Rows     *rowResult       `json:"rows,omitempty"`
	Goals    []goal           `json:"goals"`
	Notes    []string         `json:"notes,omitempty"` // what the reader has to know before believing a number
}

// settings are the sizes of the run.
type settings struct {
	Rounds        int `json:"rounds"`         // of the single calls
	WatchRounds   int `json:"watch_rounds"`   // of these under mode watch
	ProgramRounds int `json:"program_rounds"` // of the real programs
	Batches       int `json:"batches"`        // of calls, asked for at a time
	Patience      int `json:"patience_s"`     // seconds to ask in, until enough batches are undisturbed
	LoadCPU       int `json:"load_cpu"`
	Rows          int `json:"rows"`          // to be read at the end of an interval; 0: that is not measured
	RowIntervals  int `json:"row_intervals"` // how often
}

// roundsOf is how often the single calls are measured under that subject.
func (s settings) roundsOf(subject string) int {
	if subject == keyWatch {
		return s.WatchRounds
	}
	return s.Rounds
}

// programName names a real program: its column's key, and what it does.
type programName struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// subjectResult is what was measured under one subject.
type subjectResult struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	// Failure is why there is no number.
	Failure string `json:"did_not_run,omitempty"`
	// CallNs is what a call takes, AddedNs what it takes more than with nothing
	// attached just before or after, by call and round.
	CallNs  map[string]series `json:"call_ns"`
	AddedNs map[string]series `json:"added_ns"`
	// Seconds is what a program takes, Slowdown that divided by what it takes with
	// nothing attached just before and after, by its key and round.
	Seconds  map[string]series `json:"seconds"`
	Slowdown map[string]series `json:"slowdown"`

	failures int
}

func newSubjectResult(s subject) *subjectResult {
	return &subjectResult{
		Key: s.key, Name: s.name,
		CallNs: make(map[string]series), AddedNs: make(map[string]series),
		Seconds: make(map[string]series), Slowdown: make(map[string]series),
	}
}

// put keeps one value of one of the three maps.
func put(values map[string]series, key string, round int, value float64) {
	if values[key] == nil {
		values[key] = make(series)
	}
	values[key][round] = value
}

// putCalls keeps a round's costs: under the subject, and of nothing before and after it.
func (r *subjectResult) putCalls(round int, under, before, after map[string]float64) {
	r.Failure = ""
	for call, ns := range under {
		put(r.CallNs, call, round, ns)
		put(r.AddedNs, call, round, ns-min(before[call], after[call])) // what disturbs only makes it slower
	}
}

// putPrograms keeps a round's times, in seconds: under the subject, and of
// nothing before and after it.
func (r *subjectResult) putPrograms(round int, under, before, after map[string]float64) {
	for program, seconds := range under {
		put(r.Seconds, program, round, seconds)
		put(r.Slowdown, program, round, seconds*2/(before[program]+after[program]))
	}
}

// wholeOf is what a call takes, divided by what it takes with nothing attached just
// before or after.
func (r *subjectResult) wholeOf(call string) series {
	bare := series{}
	for round, ns := range r.CallNs[call] {
		bare[round] = ns - r.AddedNs[call][round]
	}
	return r.CallNs[call].over(bare)
}

// measured tells whether there is any number.
func (r *subjectResult) measured() bool { return len(r.CallNs)+len(r.Seconds) > 0 }

// How often a subject may fail: one that has never run, and one that has.
const (
	mostWithout = 2
	mostWith    = 3
)

// fail takes note of an error. A subject that never ran shows it in the tables;
// one that ran is missing a round, which is for the notes.
func (r *subjectResult) fail(err error) {
	r.failures++
	if !r.measured() {
		r.Failure = printable(err.Error())
	}
}

// retired tells whether to try it again is in vain.
func (r *subjectResult) retired() bool {
	if r.measured() {
		return r.failures >= mostWith
	}
	return r.failures >= mostWithout
}

// subject gives the result under that key, or an empty one: what was not
// measured has no numbers.
func (r *result) subject(key string) *subjectResult {
	for _, s := range r.Subjects {
		if s.Key == key {
			return s
		}
	}
	return &subjectResult{}
}

// relative is the added cost of a call under the subject, divided by that under
// syscount -L.
func (r *result) relative(s *subjectResult, call string) spread {
	return s.AddedNs[call].over(r.subject(keyLatency).AddedNs[call]).spread()
}
