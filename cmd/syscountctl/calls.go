package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

// call is what a person is shown of a slow or stuck record.
type call struct {
	Time       time.Time `json:"time"`
	Msg        string    `json:"msg"`
	DurationNs uint64    `json:"duration_ns"` // slow
	AgeNs      uint64    `json:"age_ns"`      // stuck
}

// parseCalls reads records, which are lines of JSON.
func parseCalls(lines []string) ([]call, error) {
	calls := make([]call, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &calls[i]); err != nil {
			return nil, fmt.Errorf("read a record of the service: %w", err)
		}
	}
	return calls, nil
}

// callsJSON is the records as they are, in one array.
func callsJSON(lines []string) []json.RawMessage {
	out := make([]json.RawMessage, len(lines))
	for i, line := range lines {
		out[i] = json.RawMessage(line)
	}
	return out
}

// printCalls prints a line for each call: when, how long, and the record's sentence.
func printCalls(w io.Writer, when, howLong string, calls []call) {
	const line = "%-19s  %7s  %s\n"
	fmt.Fprintf(w, line, when, howLong, "CALL")
	for _, c := range calls {
		fmt.Fprintf(w, line, c.Time.Local().Format(time.DateTime), humanNs(c.DurationNs+c.AgeNs), record.Clean(c.Msg))
	}
}
