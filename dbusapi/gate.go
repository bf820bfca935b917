package dbusapi

import (
	"sync"

	"github.com/syscountd/syscountd/agent"
)

// How many calls are served at a time: of one connection, which is more than any
// client has reason for, and of all, so that many connections cannot make us hold
// without bound what they sent.
const (
	maxOfSender = 16
	maxInside   = 128 // with maxRequest each: 32 MiB
)

// gate counts the calls that are being served, so that a session can end without
// leaving one behind, and nobody has too many. The zero value is open.
type gate struct {
	mu      sync.Mutex
	closed  bool
	inside  sync.WaitGroup
	all     int
	senders map[string]int // those that have any
}

// enter says why a call may not be served; leave follows when it may.
func (g *gate) enter(sender string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return refuse(agent.ErrStopping, "the service is stopping")
	case g.senders[sender] >= maxOfSender:
		return refuse(errTooMany, "%d calls of %s are being served; wait for one to be answered", maxOfSender, sender)
	case g.all >= maxInside:
		return refuse(errTooMany, "%d calls are being served; try again", maxInside)
	}
	if g.senders == nil {
		g.senders = map[string]int{}
	}
	g.senders[sender]++
	g.all++
	g.inside.Add(1)
	return nil
}

func (g *gate) leave(sender string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.senders[sender]--; g.senders[sender] == 0 {
		delete(g.senders, sender)
	}
	g.all--
	g.inside.Done()
}

// shut lets no more calls in and waits for those inside.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
}
