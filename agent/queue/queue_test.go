package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// gate is a consumer that the test holds and lets go.
type gate struct {
	entered  chan struct{} // gets a token when a message has come
	open     chan struct{} // a token lets one message pass; closed: all
	finished chan struct{}

	mu   sync.Mutex
	seen []string
}

func newGate() *gate {
	return &gate{entered: make(chan struct{}, 1000), open: make(chan struct{}), finished: make(chan struct{})}
}

func (g *gate) consume(m []byte) {
	g.entered <- struct{}{}
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, string(m))
}

func (g *gate) finish() { close(g.finished) }

func (g *gate) all() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

func TestMessagesComeInOrder(t *testing.T) {
	g := newGate()
	close(g.open)
	q := New(1000, 1<<20, g.consume, g.finish)
	var want []string
	for i := range 500 {
		m := fmt.Sprint(i)
		want = append(want, m)
		if !q.Put([]byte(m)) {
			t.Fatalf("message %d refused", i)
		}
	}
	if lost, err := q.Close(t.Context()); lost != 0 || err != nil {
		t.Errorf("closed with %d lost, %v", lost, err)
	}
	if got := g.all(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	<-g.finished
}

func TestBounds(t *testing.T) {
	g := newGate()
	q := New(3, 10, g.consume, g.finish)
	put := func(m string, want bool) {
		t.Helper()
		if got := q.Put([]byte(m)); got != want {
			t.Errorf("put %q: %v, want %v", m, got, want)
		}
	}
	put("in work", true)
	<-g.entered // it is out of the queue
	put("12345678901", false)
	put("1234567890", true)
	put("x", false) // too many bytes
	put("", true)   // takes none
	put("", true)
	put("", false) // too many messages
	g.open <- struct{}{}
	<-g.entered
	put("1", true) // there is room again
	close(g.open)
	if lost, err := q.Close(t.Context()); lost != 0 || err != nil {
		t.Errorf("closed with %d lost, %v", lost, err)
	}
	put("late", false)
	if got, want := g.all(), []string{"in work", "1234567890", "", "", "1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCloseGivesUp(t *testing.T) {
	g := newGate()
	q := New(10, 100, g.consume, g.finish)
	for range 4 {
		q.Put([]byte("m"))
	}
	<-g.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lost, err := q.Close(ctx)
	if lost != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("closed with %d lost, %v", lost, err)
	}
	close(g.open)
	<-g.finished // the consumer ends all the same
	if got := g.all(); len(got) != 1 {
		t.Errorf("consumed %q", got)
	}
}

func TestCloseTwice(t *testing.T) {
	g := newGate()
	q := New(10, 100, g.consume, g.finish)
	for range 2 {
		if lost, err := q.Close(t.Context()); lost != 0 || err != nil {
			t.Errorf("closed with %d lost, %v", lost, err)
		}
	}
}

func TestNothingIsLostUnseen(t *testing.T) {
	g := newGate()
	close(g.open)
	go func() {
		for range g.entered { // the channel is smaller than the number of messages
		}
	}()
	defer close(g.entered)
	q := New(16, 1<<20, g.consume, g.finish)
	var wg sync.WaitGroup
	refused := make([]int, 8)
	for i := range refused {
		wg.Go(func() {
			for range 1000 {
				if !q.Put([]byte("m")) {
					refused[i]++
				}
			}
		})
	}
	wg.Wait()
	if _, err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	total := len(g.all())
	for _, n := range refused {
		total += n
	}
	if total != 8000 {
		t.Errorf("%d consumed or refused, 8000 put", total)
	}
}

func TestWhatFollowsIsDoneWhenTheMessagesBeforeItAreConsumed(t *testing.T) {
	g := newGate()
	q := New(10, 1<<20, g.consume, g.finish)
	q.Put([]byte("a"))
	q.Put([]byte("b"))
	seen := make(chan []string, 1)
	q.After(func() { seen <- g.all() })
	q.Put([]byte("c"))
	<-g.entered
	select {
	case early := <-seen:
		t.Errorf("done after %v", early)
	default:
	}
	close(g.open)
	if got := <-seen; !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("done after %v", got)
	}
	if lost, err := q.Close(t.Context()); lost != 0 || err != nil {
		t.Errorf("closed with %d lost, %v", lost, err)
	}
	q.After(func() { t.Error("done after the end") })
	<-g.finished
}

func TestWhatFollowsLostMessagesIsNotDone(t *testing.T) {
	g := newGate()
	q := New(10, 1<<20, g.consume, g.finish)
	q.Put([]byte("a"))
	<-g.entered
	q.Put([]byte("b"))
	q.After(func() { t.Error("done though a message before it was lost") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if lost, err := q.Close(ctx); lost != 1 || err == nil {
		t.Errorf("closed with %d lost, %v; want 1", lost, err)
	}
	close(g.open)
	<-g.finished
}
