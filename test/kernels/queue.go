package kernels

import "time"

// queue boots machines in the order in which they come, the longest first, and some at a time:
// each keeps one CPU busy, and the last to end decides how long it takes.
type queue struct {
	turn  chan struct{} // closed when the next one may look for a place
	place chan struct{}
}

// booting is a machine in the queue.
type booting struct {
	done    chan struct{}
	took    time.Duration
	console string
	err     error
}

func newQueue(places int) *queue {
	q := &queue{turn: make(chan struct{}), place: make(chan struct{}, places)}
	close(q.turn)
	return q
}

// begin returns at once.
func (q *queue) begin(boot func() (console string, err error)) *booting {
	b := &booting{done: make(chan struct{})}
	mine, next := q.turn, make(chan struct{})
	q.turn = next
	go func() {
		defer close(b.done)
		<-mine
		q.place <- struct{}{}
		close(next)
		defer func() { <-q.place }()
		start := time.Now()
		b.console, b.err = boot()
		b.took = time.Since(start)
	}()
	return b
}

// wait returns when the machine has ended.
func (b *booting) wait() (console string, err error) {
	<-b.done
	return b.console, b.err
}
