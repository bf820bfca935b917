package dbusapi

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// callTimeout bounds one call. It is below the 25 s after which D-Bus clients
// give up by themselves, so that they get our sentence.
const callTimeout = 20 * time.Second

// call is one method on its way to be called; godbus makes the two steps in a
// goroutine of the call's own.
type call struct {
	session *session
	name    string
	method  method
}

// request is what the first step, decoding, hands to the second.
type request struct {
	conn        *dbus.Conn
	sender      string // unique bus name
	signature   string
	interactive bool // the caller lets us ask for a password
	silent      bool // the caller wants no answer; an error gets one
	args        []any
}

// DecodeArguments implements dbus.ArgumentDecoder. The arguments stay as the
// wire had them; Call compares their signature with the contract.
func (c *call) DecodeArguments(conn *dbus.Conn, sender string, msg *dbus.Message, args []any) ([]any, error) {
	sig, _ := msg.Headers[dbus.FieldSignature].Value().(dbus.Signature)
	interactive := msg.Flags&dbus.FlagAllowInteractiveAuthorization != 0
	silent := msg.Flags&dbus.FlagNoReplyExpected != 0
	return []any{&request{conn, sender, sig.String(), interactive, silent, args}}, nil
}

// Call implements dbus.Method.
func (c *call) Call(args ...any) ([]any, error) {
	r := args[0].(*request)
	defer r.close()
	out, err := c.serve(r)
	switch {
	case err == nil:
		if r.silent { // nothing will be written
			c.session.backlog.leave()
		}
		return out, nil
	case errors.Is(err, context.DeadlineExceeded):
		err = refuse(ErrTimeout, "%s: not done within %v", c.name, callTimeout)
	case errors.Is(err, context.Canceled):
		err = refuse(agent.ErrStopping, "%s: the service is stopping", c.name)
	}
	return nil, busError(err)
}

func (c *call) serve(r *request) ([]any, error) {
	if err := c.session.gate.enter(r.sender); err != nil {
		return nil, err
	}
	defer c.session.gate.leave(r.sender)
	if err := r.check(c.name, c.method); err != nil {
		return nil, err
	}
	var who agent.Caller
	if c.method.action != "" {
		var err error
		if who, err = authorize(c.session.ctx, r, c); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(c.session.ctx, callTimeout)
	defer cancel()
	return c.method.run(ctx, c.session.service, who, r.args)
}

// check refuses arguments that are not those of the contract.
func (r *request) check(name string, m method) error {
	if len(r.args) == 1 {
		if gone, ok := r.args[0].(stripped); ok {
			return refuse(agent.ErrInvalid, "%s: %v", name, gone.why)
		}
	}
	return checkSignature(name, m, r.signature)
}

// close closes the descriptor that came with the call.
func (r *request) close() {
	for _, arg := range r.args {
		if f, ok := arg.(*os.File); ok {
			f.Close()
		}
	}
}

// The rest of dbus.Method; godbus asks it only without an ArgumentDecoder.

func (c *call) NumArguments() int     { return len(c.method.in) }
func (c *call) NumReturns() int       { return len(c.method.out) }
func (c *call) ArgumentValue(int) any { return nil }
func (c *call) ReturnValue(int) any   { return nil }
