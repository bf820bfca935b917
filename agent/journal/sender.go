package journal

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/syscountd/syscountd/agent/queue"
)

const (
	// What may wait for journald: some seconds of the most that we write.
	maxEntries = 1024
	maxBytes   = 4 << 20

	// sendWait is how long one entry may wait for room in journald's socket,
	// which holds about ten (sysctl net.unix.max_dgram_qlen).
	sendWait = 100 * time.Millisecond
)

// Sender sends entries from a bounded queue by a goroutine of its own. Safe for
// concurrent use.
type Sender struct {
	queue  *queue.Queue
	socket socket // of the queue's goroutine
	wait   time.Duration

	sent, droppedQueue, droppedDeadline, droppedError atomic.Uint64
}

// Counters are the numbers of entries since the start. Each entry is in one of
// them, or still in the queue.
type Counters struct {
	Sent            uint64
	DroppedQueue    uint64 // the queue was full or closed
	DroppedDeadline uint64 // journald did not read
	DroppedError    uint64 // no journald, or an invalid entry
}

// NewSender starts a sender to the socket at a path, DefaultPath but for tests.
// Nobody has to listen there yet.
func NewSender(path string) *Sender { return newSender(path, sendWait) }

func newSender(path string, wait time.Duration) *Sender {
	s := &Sender{socket: socket{path: path}, wait: wait}
	s.queue = queue.New(maxEntries, maxBytes, s.consume, s.socket.close)
	return s
}

// Send puts an entry into the queue and never waits. It is false when the entry
// is dropped, which is counted.
func (s *Sender) Send(e Entry) bool {
	datagram, err := e.encode()
	if err != nil {
		s.droppedError.Add(1)
		return false
	}
	if !s.queue.Put(datagram) {
		s.droppedQueue.Add(1)
		return false
	}
	return true
}

// After calls then when each entry from before is sent or dropped.
func (s *Sender) After(then func()) { s.queue.After(then) }

// Close sends what is in the queue. When the context ends before, the rest is
// dropped and counted, and the error says how many.
func (s *Sender) Close(ctx context.Context) error {
	lost, err := s.queue.Close(ctx)
	s.droppedQueue.Add(uint64(lost))
	return err
}

// Counters gives the numbers up to now.
func (s *Sender) Counters() Counters {
	return Counters{
		Sent:            s.sent.Load(),
		DroppedQueue:    s.droppedQueue.Load(),
		DroppedDeadline: s.droppedDeadline.Load(),
		DroppedError:    s.droppedError.Load(),
	}
}

// consume sends one datagram. Its errors are counted, not told: whom could we
// tell that there is no log?
func (s *Sender) consume(datagram []byte) {
	switch err := s.socket.send(datagram, time.Now().Add(s.wait)); {
	case err == nil:
		s.sent.Add(1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.droppedDeadline.Add(1)
	default:
		s.droppedError.Add(1)
	}
}
