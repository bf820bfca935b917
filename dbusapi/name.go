package dbusapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// NameTakenError says that another connection owns our bus name: most likely
// another syscountd.
type NameTakenError struct {
	Owner string // unique bus name; "" when it could not be found out
	PID   uint32 // of the owner; 0 when it could not be found out
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("bus name %s is owned by %s (pid %d): is another syscountd running?", BusName, e.Owner, e.PID)
}

// nameRefusedError says that the bus' policy does not let us own the name.
type nameRefusedError struct{ err error }

func (e *nameRefusedError) Error() string {
	return fmt.Sprintf("the bus refuses the name %s: %v; is its policy file installed, and are we root?", BusName, e.err)
}

func (e *nameRefusedError) Unwrap() error { return e.err }

// takeName takes the bus name, without waiting in a queue for it.
func takeName(ctx context.Context, l *link) error {
	var reply uint32
	bus := l.conn.BusObject()
	err := bus.CallWithContext(ctx, "org.freedesktop.DBus.RequestName", 0,
		BusName, uint32(dbus.NameFlagDoNotQueue)).Store(&reply)
	var refused dbus.Error
	if errors.As(err, &refused) && refused.Name == standardError+"AccessDenied" {
		return &nameRefusedError{err}
	}
	if err != nil {
		return fmt.Errorf("request the name %s: %w", BusName, err)
	}
	switch dbus.RequestNameReply(reply) {
	case dbus.RequestNameReplyPrimaryOwner, dbus.RequestNameReplyAlreadyOwner:
		return nil
	}
	taken := &NameTakenError{}
	// The owner may be gone by now; what is not known stays empty.
	_ = bus.CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, BusName).Store(&taken.Owner)
	_ = bus.CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixProcessID", 0, BusName).Store(&taken.PID)
	return taken
}
