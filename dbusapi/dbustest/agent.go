package dbustest

import (
	"context"
	"sync"

	"github.com/syscountd/syscountd/agent"
)

// Agent is a fake of the agent's door: it records what it is asked, and answers
// as it is told. The zero value is ready.
type Agent struct {
	mu      sync.Mutex
	asked   []Asked
	refusal error
	status  *agent.Status
	rows    []agent.Row
	top     int
	slow    []string
	stuck   []string
	newest  int
	changed chan struct{}
	hold    chan struct{}
	held    chan struct{}
}

// Asked is one call of Do.
type Asked struct {
	Who agent.Caller
	Cmd agent.Command
}

// Do records the command. It is refused if Refuse said so, and waits if Hold did.
func (a *Agent) Do(ctx context.Context, who agent.Caller, cmd agent.Command) error {
	a.mu.Lock()
	a.asked = append(a.asked, Asked{who, cmd})
	refusal, hold, held := a.refusal, a.hold, a.held
	a.hold = nil
	a.mu.Unlock()
	if hold != nil {
		close(held)
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return refusal
}

// Status returns what SetStatus has set; nil before.
func (a *Agent) Status() *agent.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Summary returns the first top rows of SetRows, all when top is 0.
func (a *Agent) Summary(_ context.Context, top int) ([]agent.Row, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.top = top
	if top == 0 || top > len(a.rows) {
		top = len(a.rows)
	}
	return a.rows[:top], a.refusal
}

// SlowCalls returns the first of SetSlow's lines, all when newest is 0.
func (a *Agent) SlowCalls(_ context.Context, newest int) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.newest = newest
	if newest == 0 || newest > len(a.slow) {
		newest = len(a.slow)
	}
	return a.slow[:newest], a.refusal
}

// StuckCalls returns SetStuck's lines.
func (a *Agent) StuckCalls(context.Context) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stuck, a.refusal
}

// Changed gets a token from SetStatus.
func (a *Agent) Changed() <-chan struct{} { return a.tokens() }

func (a *Agent) tokens() chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.changed == nil {
		a.changed = make(chan struct{}, 1)
	}
	return a.changed
}

// SetStatus publishes a status.
func (a *Agent) SetStatus(st agent.Status) {
	a.mu.Lock()
	a.status = &st
	a.mu.Unlock()
	select {
	case a.tokens() <- struct{}{}:
	default: // one is waiting already
	}
}

// SetRows sets what Summary returns.
func (a *Agent) SetRows(rows ...agent.Row) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows = rows
}

// SetSlow sets what SlowCalls returns.
func (a *Agent) SetSlow(lines ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow = lines
}

// SetStuck sets what StuckCalls returns.
func (a *Agent) SetStuck(lines ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stuck = lines
}

// Refuse makes every method but Status and Changed fail with err; nil ends it.
func (a *Agent) Refuse(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusal = err
}

// Hold makes the next Do wait until release is called or its context ends; held
// is closed when it waits.
func (a *Agent) Hold() (held <-chan struct{}, release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	hold := make(chan struct{})
	a.hold, a.held = hold, make(chan struct{})
	return a.held, sync.OnceFunc(func() { close(hold) })
}

// Asked returns what Do was asked since the last call of Asked.
func (a *Agent) Asked() []Asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// Newest returns the argument of the last SlowCalls.
func (a *Agent) Newest() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.newest
}

// Top returns the argument of the last Summary.
func (a *Agent) Top() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.top
}
