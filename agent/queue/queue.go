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
	messages []message
	bytes    int // of all messages
	closed   bool

	wake chan struct{} // has a token when the consumer must look again
	done chan struct{} // closed when the consumer has ended
}

// message is one, or what is to be done when those before it are consumed.
type message struct {
	text []byte
	then func()
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
func (q *Queue) Put(text []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.messages) >= q.maxMessages || q.bytes+len(text) > q.maxBytes {
		return false
	}
	q.messages = append(q.messages, message{text: text})
	q.bytes += len(text)
	q.signal()
	return true
}

// After calls then, in the consumer's goroutine, when all messages that were put by
// now are consumed. It never does when the queue is closed, or thrown away before.
func (q *Queue) After(then func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.messages = append(q.messages, message{then: then})
		q.signal()
	}
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
	for _, m := range q.messages {
		if m.then == nil {
			lost++
		}
	}
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
		case ok && message.then != nil:
			message.then()
		case ok:
			consume(message.text)
		case closed:
			return
		default:
			<-q.wake
		}
	}
}

// take removes the first message; closed says that there will be no other.
func (q *Queue) take() (first message, ok, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 {
		q.messages = nil // lets the memory of a burst go
		return message{}, false, q.closed
	}
	first = q.messages[0]
	q.messages[0] = message{}
	q.messages = q.messages[1:]
	q.bytes -= len(first.text)
	return first, true, false
}
