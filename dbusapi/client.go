package dbusapi

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// Client calls a running syscountd. Its errors are those of package agent and of
// this package, by errors.Is; their text is a sentence for a person. It does not
// start the service: ErrNotRunning says that nobody owns the name. A context that
// ends in the middle of a call also ends the connection.
type Client struct {
	link  *link
	flags dbus.Flags // of its calls
}

// AllowInteraction lets the service ask the user for a password, where polkit wants
// one and somebody is there to be asked.
func (c *Client) AllowInteraction() { c.flags |= dbus.FlagAllowInteractiveAuthorization }

// Dial connects to the system bus; ErrNoBus when that fails.
func Dial(ctx context.Context) (*Client, error) {
	return DialAddress(ctx, SystemAddress())
}

// DialAddress connects to the bus at a D-Bus address (unix:path=... or
// unix:abstract=...); ErrNoBus when that fails.
func DialAddress(ctx context.Context, address string) (*Client, error) {
	greet := func(context.Context, *link) error { return nil }
	l, err := connect(ctx, address, linkKind{limit: maxReply}, greet)
	if err != nil {
		return nil, fromBus(err)
	}
	return &Client{link: l, flags: dbus.FlagNoAutoStart}, nil
}

// Close ends the connection.
func (c *Client) Close() error {
	c.link.close()
	return nil
}

// Start attaches to the system calls.
func (c *Client) Start(ctx context.Context) error { return c.call(ctx, "Start") }

// Stop writes a last summary and detaches.
func (c *Client) Stop(ctx context.Context) error { return c.call(ctx, "Stop") }

// FilterPID observes one process only. agent.ErrNoSuchProcess when it is dead.
func (c *Client) FilterPID(ctx context.Context, pid uint32) error {
	return c.call(ctx, "FilterPID", pid)
}

// FilterUnit observes one systemd unit only. agent.ErrNoSuchUnit when it has no cgroup.
func (c *Client) FilterUnit(ctx context.Context, unit string) error {
	return c.call(ctx, "FilterUnit", unit)
}

// SetFilter replaces the whole filter.
func (c *Client) SetFilter(ctx context.Context, f agent.Filter) error {
	return c.call(ctx, "SetFilter", filterToBus(f))
}

// ClearFilter observes the whole host.
func (c *Client) ClearFilter(ctx context.Context) error { return c.call(ctx, "ClearFilter") }

// FilterSyscalls observes these calls only, names and @groups, of the targets that
// the filter has; all calls when there are none.
func (c *Client) FilterSyscalls(ctx context.Context, names []string) error {
	return c.call(ctx, "FilterSyscalls", names)
}

// SetMode measures calls in another way, until Reload.
func (c *Client) SetMode(ctx context.Context, mode string) error { return c.call(ctx, "SetMode", mode) }

// SetThreshold overrides the policy for one syscall or @group. d is in whole
// microseconds, at least one; anything else is agent.ErrInvalid.
func (c *Client) SetThreshold(ctx context.Context, syscall string, d time.Duration) error {
	usec, err := toUsec(d)
	if err != nil {
		return err
	}
	return c.call(ctx, "SetThreshold", syscall, usec)
}

// ResetThresholds goes back to the policy's thresholds.
func (c *Client) ResetThresholds(ctx context.Context) error { return c.call(ctx, "ResetThresholds") }

// Reload reads the policy again; agent.ErrPolicy says what is wrong with it.
func (c *Client) Reload(ctx context.Context) error { return c.call(ctx, "Reload") }

// Flush ends the interval now.
func (c *Client) Flush(ctx context.Context) error { return c.call(ctx, "Flush") }

// Summary returns at most top rows of the interval that runs now; all when top is 0.
func (c *Client) Summary(ctx context.Context, top uint32) ([]agent.Row, error) {
	var rows []row
	if err := c.send(ctx, Interface+".Summary", top).Store(&rows); err != nil {
		return nil, fromBus(err)
	}
	out := make([]agent.Row, len(rows))
	for i, r := range rows {
		out[i] = agent.Row{Group: r.Group, Syscall: r.Syscall, ABI: r.ABI,
			Count: r.Count, Errors: r.Errors, TotalNs: r.TotalNs, MaxNs: r.MaxNs, P99Ns: r.P99Ns}
	}
	return out, nil
}

// call calls a method that returns nothing.
func (c *Client) call(ctx context.Context, method string, args ...any) error {
	return fromBus(c.send(ctx, Interface+"."+method, args...).Err)
}

func (c *Client) send(ctx context.Context, method string, args ...any) *dbus.Call {
	// A bus that hangs stops even the sending; see link.
	defer context.AfterFunc(ctx, func() { c.link.sock.Close() })()
	call := <-c.link.conn.Object(BusName, ObjectPath).
		GoWithContext(ctx, method, c.flags, make(chan *dbus.Call, 1), args...).Done
	if call.Err != nil && ctx.Err() != nil {
		call.Err = ctx.Err() // the closed socket is only the consequence
	}
	return call
}
