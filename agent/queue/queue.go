// Package queue puts messages into a bounded queue without ever waiting, and
// hands them to one goroutine that may.
package queue

import (
	"context"
	"fmt"
	"sync"
)

// Queue is a bounded queue of messages with its consumer. Safe for concurrent
// use.
type Queue struct {
	maxMessages, maxBytes int

	mu       sync.Mutex
	messages [][]byte
	bytes    int // of all messages
	closed   bool

	wake chan struct{} // has a token when the consumer must look again
	done chan struct{} // closed when the consumer has ended
}

// New starts a queue that holds at most so many messages and bytes besides the
// one that is being consumed. consume is called for one message after the
// other; finish, once, after the last.
func New(maxMessages, maxBytes int, consume func([]byte), finish func()) *Queue {
	q := &Queue{
		maxMessages: maxMessages,
		maxBytes:    maxBytes,
		wake:        make(chan struct{}, 1),
		done:        make(chan struct{}),
	}
	go q.run(consume, finish)
	return q
}

// Put adds a message, which must not be changed any more. It is false, and
// nothing is added, when the queue is full or closed.
func (q *Queue) Put(message []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.messages) >= q.maxMessages || q.bytes+len(message) > q.maxBytes {
		return false
	}
	q.messages = append(q.messages, message)
	q.bytes += len(message)
	q.signal()
	return true
}

// Close takes no more messages and waits until the last one is consumed. When
// the context ends before, it gives up: what is left is thrown away, and the
// number of messages thrown away is returned with an error. The consumer then
// ends as soon as it is through with the message that it hangs in.
func (q *Queue) Close(ctx context.Context) (lost int, err error) {
	q.mu.Lock()
	q.closed = true
	q.signal()
	q.mu.Unlock()
	select {
	case <-q.done:
		return 0, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	lost = len(q.messages)
	q.messages, q.bytes = nil, 0
	return lost, fmt.Errorf("drain queue: %d messages lost: %w", lost, ctx.Err())
}

// signal leaves a token for the consumer; one is enough for any number of
// reasons.
func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) run(consume func([]byte), finish func()) {
	defer close(q.done)
	defer finish()
	for {
		message, ok, closed := q.take()
		switch {
		case ok:
			consume(message)
		case closed:
			return
		default:
			<-q.wake
		}
	}
}

// take removes the first message; closed says that there will be no other.
func (q *Queue) take() (message []byte, ok, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 {
		q.messages = nil // lets the memory of a burst go
		return nil, false, q.closed
	}
	message = q.messages[0]
	q.messages[0] = nil
	q.messages = q.messages[1:]
	q.bytes -= len(message)
	return message, true, false
}
