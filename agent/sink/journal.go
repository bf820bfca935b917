package sink

import (
	"context"

	"github.com/syscountd/syscountd/agent/journal"
	"github.com/syscountd/syscountd/agent/record"
)

// Journal writes records to the systemd journal.
type Journal struct{ sender *journal.Sender }

// NewJournal starts a sink to the journald that listens at a path,
// journal.DefaultPath but for tests. It need not listen yet.
func NewJournal(path string) *Journal {
	return &Journal{sender: journal.NewSender(path)}
}

// Write implements Sink. MESSAGE is the line of JSON.
func (j *Journal) Write(r record.Record) {
	j.sender.Send(entry(r, record.Marshal(r))) // counts what it drops
}

// Counters implements Sink.
func (j *Journal) Counters() map[string]uint64 {
	c := j.sender.Counters()
	return map[string]uint64{
		CounterSent:            c.Sent,
		CounterDroppedQueue:    c.DroppedQueue,
		CounterDroppedDeadline: c.DroppedDeadline,
		CounterDroppedError:    c.DroppedError,
	}
}

// After implements Sink.
func (j *Journal) After(then func()) { j.sender.After(then) }

// Close implements Sink.
func (j *Journal) Close(ctx context.Context) error { return j.sender.Close(ctx) }
