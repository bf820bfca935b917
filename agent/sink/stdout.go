package sink

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/syscountd/syscountd/agent/queue"
	"github.com/syscountd/syscountd/agent/record"
)

// What may wait for the reader of a pipe: as for the journal.
const (
	maxLines = 1024
	maxBytes = 4 << 20
)

// Stdout writes records as lines, of JSON but for NewText.
type Stdout struct {
	w     io.Writer
	line  func(record.Record) []byte
	queue *queue.Queue

	sent, droppedQueue, droppedError atomic.Uint64
}

// NewStdout starts a sink to a writer, which may block: each line is one Write.
// A failed Write, such as EPIPE, is counted and does not end the sink. (The Go
// runtime ends the process when fd 1 gives EPIPE, unless SIGPIPE is ignored:
// see os/signal.)
func NewStdout(w io.Writer) *Stdout { return newStdout(w, jsonLine) }

func jsonLine(r record.Record) []byte { return append(record.Marshal(r), '\n') }

func newStdout(w io.Writer, line func(record.Record) []byte) *Stdout {
	s := &Stdout{w: w, line: line}
	s.queue = queue.New(maxLines, maxBytes, s.consume, func() {})
	return s
}

// Write implements Sink.
func (s *Stdout) Write(r record.Record) {
	if !s.queue.Put(s.line(r)) {
		s.droppedQueue.Add(1)
	}
}

// Counters implements Sink. There is no deadline: a blocked pipe fills the
// queue.
func (s *Stdout) Counters() map[string]uint64 {
	return map[string]uint64{
		CounterSent:            s.sent.Load(),
		CounterDroppedQueue:    s.droppedQueue.Load(),
		CounterDroppedDeadline: 0,
		CounterDroppedError:    s.droppedError.Load(),
	}
}

// After implements Sink.
func (s *Stdout) After(then func()) { s.queue.After(then) }

// Close implements Sink. A Write that blocks for ever keeps its goroutine.
func (s *Stdout) Close(ctx context.Context) error {
	lost, err := s.queue.Close(ctx)
	s.droppedQueue.Add(uint64(lost))
	return err
}

func (s *Stdout) consume(line []byte) {
	if _, err := s.w.Write(line); err != nil {
		s.droppedError.Add(1)
		return
	}
	s.sent.Add(1)
}
