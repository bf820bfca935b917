// Package sink takes records to where they are read: the systemd journal or
// standard output.
package sink

import (
	"context"

	"github.com/syscountd/syscountd/agent/record"
)

// Sink takes records. Implementations are safe for concurrent use.
type Sink interface {
	// Write takes a stamped record and never waits: what finds no room is
	// dropped, and counted.
	Write(record.Record)
	// Counters gives the numbers of records since the start, by the names below.
	Counters() map[string]uint64
	// After calls then, in another goroutine, when each record from before is
	// written or dropped; never when Close has to give up.
	After(then func())
	// Close writes what is waiting. When the context ends before, the rest is
	// dropped and counted, and the error says how many.
	Close(context.Context) error
}

// The names of the counters. Each record is in one of them, or still waiting.
const (
	CounterSent            = "output_sent"
	CounterDroppedQueue    = "output_dropped_queue"    // too many were waiting
	CounterDroppedDeadline = "output_dropped_deadline" // journald did not read
	CounterDroppedError    = "output_dropped_error"    // no journald, or a closed pipe
)
