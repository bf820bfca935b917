package dbusapi

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// authorize asks the bus daemon who sent the request, and lets root and owner
// pass. What the daemon does not know or say is a refusal.
func authorize(ctx context.Context, r *request, method string, owner uint32) (agent.Caller, error) {
	var credentials map[string]dbus.Variant
	err := r.conn.BusObject().CallWithContext(ctx,
		"org.freedesktop.DBus.GetConnectionCredentials", 0, r.sender).Store(&credentials)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return agent.Caller{}, err
	}
	if err != nil {
		return agent.Caller{}, refuse(ErrAccessDenied, "%s: cannot tell who %s is: %v", method, r.sender, err)
	}
	return judge(credentials, r.sender, method, owner)
}

// judge decides by the credentials that the bus daemon gave.
func judge(credentials map[string]dbus.Variant, sender, method string, owner uint32) (agent.Caller, error) {
	uid, ok := credentials["UnixUserID"].Value().(uint32)
	if !ok {
		return agent.Caller{}, refuse(ErrAccessDenied, "%s: the bus does not know the user of %s", method, sender)
	}
	pid, _ := credentials["ProcessID"].Value().(uint32) // 0 when not known
	if uid != 0 && uid != owner {
		return agent.Caller{}, refuse(ErrAccessDenied, "%s is for root only; the caller is uid %d, pid %d", method, uid, pid)
	}
	return agent.Caller{UID: uid, PID: pid, Via: "dbus"}, nil
}
