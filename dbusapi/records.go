package dbusapi

import (
	"context"

	"github.com/syscountd/syscountd/agent"
)

// Records go over the bus as the lines of JSON that they are in the journal: what
// reads the one reads the other, and a new key breaks nobody. A record's texts
// are clean already; printable would only make its own escapes of them, which JSON
// does not have.

func slowCalls(ctx context.Context, s *Service, _ agent.Caller, args []any) ([]any, error) {
	return records(s.cfg.Agent.SlowCalls(ctx, int(args[0].(uint32))))
}

func stuckCalls(ctx context.Context, s *Service, _ agent.Caller, _ []any) ([]any, error) {
	return records(s.cfg.Agent.StuckCalls(ctx))
}

func records(lines []string, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	return []any{lines}, nil
}

// SlowCalls returns the newest slow records as lines of JSON, newest first; all
// that are kept when newest is 0.
func (c *Client) SlowCalls(ctx context.Context, newest uint32) ([]string, error) {
	return c.lines(ctx, "SlowCalls", newest)
}

// StuckCalls returns the records of the calls that have not returned as lines of
// JSON, the oldest call first.
func (c *Client) StuckCalls(ctx context.Context) ([]string, error) {
	return c.lines(ctx, "StuckCalls")
}

// lines calls a method that returns lines.
func (c *Client) lines(ctx context.Context, method string, args ...any) ([]string, error) {
	var lines []string
	if err := c.send(ctx, Interface+"."+method, args...).Store(&lines); err != nil {
		return nil, fromBus(err)
	}
	return lines, nil
}
