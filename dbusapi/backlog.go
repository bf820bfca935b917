package dbusapi

import (
	"sync"

	"github.com/godbus/dbus/v5"
)

// maxUnanswered is how many calls we have at a time from reading them to having
// written the answer: those that the gate lets in, and some that only wait for their
// answer to be written. Those wait for nothing that has to be read, so that reading
// goes on however many of the others wait for polkit. With maxRequest each: 40 MiB.
const maxUnanswered = maxInside + 32

// backlog holds the reader back while too many answers are not written yet. godbus
// makes a goroutine for each call that it has read, and all of them wait for one
// another to write: a bus that is slower to read from us than to write to us would
// fill our memory with them. What is not read stays in the bus daemon, which has
// limits of its own for each sender.
type backlog struct {
	places chan struct{}
	closed chan struct{} // with the connection: then no answer is written any more
	once   sync.Once
}

func newBacklog() *backlog {
	return &backlog{places: make(chan struct{}, maxUnanswered), closed: make(chan struct{})}
}

// enter waits for a place.
func (b *backlog) enter() {
	select {
	case b.places <- struct{}{}:
	case <-b.closed:
	}
}

// leave never waits: an answer too many would otherwise be the end.
func (b *backlog) leave() {
	select {
	case <-b.places:
	default:
	}
}

// close lets everybody in.
func (b *backlog) close() { b.once.Do(func() { close(b.closed) }) }

// isAnswer says whether a message answers a call.
func isAnswer(message []byte) bool {
	if len(message) < headLength || (message[0] != 'l' && message[0] != 'B') {
		return false // a line of the authentication
	}
	kind := dbus.Type(message[1])
	return kind == dbus.TypeMethodReply || kind == dbus.TypeError
}
