package dbusapi

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"
)

// session is the service on one connection to the bus, from the first byte to
// the loss of the connection.
type session struct {
	service *Service
	gate    gate
	backlog *backlog
	ctx     context.Context // of the calls: ends with the session
}

var errLost = errors.New("the connection to the bus was lost")

// runSession connects, takes the name and serves until ctx ends (nil) or the
// connection does. It returns when the last call has.
func runSession(ctx context.Context, s *Service, changed <-chan struct{}) error {
	callCtx, cancel := context.WithCancel(ctx)
	se := &session{service: s, backlog: newBacklog(), ctx: callCtx}
	defer se.gate.shut()
	defer cancel()
	l, err := connect(ctx, s.cfg.Address, linkKind{maxRequest, se.backlog}, takeName, dbus.WithHandler(newObjects(se)))
	if err != nil {
		return err
	}
	defer l.close()
	// The writer of a signal waits when the bus hangs; closing the socket frees it.
	defer context.AfterFunc(ctx, func() { l.sock.Close() })()
	before := signalled(s)
	s.owned()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.lost():
			return errLost
		case <-changed:
			now := signalled(s)
			if err := emitChanges(l.conn, differences(before, now)); err != nil {
				return err
			}
			before = now
		}
	}
}

// emitChanges sends one PropertiesChanged, or nothing when nothing changed.
func emitChanges(conn *dbus.Conn, changed map[string]dbus.Variant) error {
	if len(changed) == 0 {
		return nil
	}
	return conn.Emit(ObjectPath, propertiesInterface+".PropertiesChanged", Interface, changed, []string{})
}
