package dbusapi

import (
	"context"

	"github.com/syscountd/syscountd/agent"
)

// Agent is the agent's door as the bus sees it; *agent.Agent has it, and tests
// have a fake.
type Agent interface {
	// Do applies a change and returns when it is in force, or refuses it with an
	// error of package agent; then nothing has changed.
	Do(ctx context.Context, who agent.Caller, cmd agent.Command) error
	// Status returns the newest picture; it is not written to afterwards. It may
	// be nil before the first one is published.
	Status() *agent.Status
	// Summary returns at most top rows, all when top is 0, of the interval that
	// runs now.
	Summary(ctx context.Context, top int) ([]agent.Row, error)
	// SlowCalls returns the newest slow records as lines of JSON, newest first; all
	// that are kept when newest is 0.
	SlowCalls(ctx context.Context, newest int) ([]string, error)
	// StuckCalls returns the records of the calls that have not returned as lines of
	// JSON, the oldest call first.
	StuckCalls(ctx context.Context) ([]string, error)
	// Changed gets a token after the status has changed; several changes may
	// make one token.
	Changed() <-chan struct{}
}

// statusOf never returns nil.
func statusOf(a Agent) *agent.Status {
	if st := a.Status(); st != nil {
		return st
	}
	return &agent.Status{}
}
