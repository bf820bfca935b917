package dbusapi

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// What a caller may need leave for: the actions of polkit, as in
// packaging/io.github.syscountd1.policy. A method without one is for everybody whom the
// bus lets through.
const (
	actionManage = BusName + ".manage"       // changes what is observed, and how
	actionRead   = BusName + ".read-details" // reads what processes of all users do
)

// authorize asks the bus daemon who sent the request, and lets root and owner
// pass; all others when polkit says so. What cannot be found out is a refusal.
func authorize(ctx context.Context, r *request, c *call) (agent.Caller, error) {
	who, err := identify(ctx, r, c.name)
	if err != nil || who.UID == 0 || who.UID == c.session.service.cfg.Owner {
		return who, err
	}
	return who, askPolkit(ctx, r, c, who)
}

// identify asks the bus daemon who sent the request.
func identify(ctx context.Context, r *request, method string) (agent.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var credentials map[string]dbus.Variant
	err := r.conn.BusObject().CallWithContext(ctx,
		"org.freedesktop.DBus.GetConnectionCredentials", 0, r.sender).Store(&credentials)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return agent.Caller{}, err
	}
	if err != nil {
		return agent.Caller{}, refuse(ErrAccessDenied, "%s: cannot tell who %s is: %v", method, r.sender, err)
	}
	return callerOf(credentials, r.sender, method)
}

// callerOf reads the credentials that the bus daemon gave.
func callerOf(credentials map[string]dbus.Variant, sender, method string) (agent.Caller, error) {
	uid, ok := credentials["UnixUserID"].Value().(uint32)
	if !ok {
		return agent.Caller{}, refuse(ErrAccessDenied, "%s: the bus does not know the user of %s", method, sender)
	}
	pid, _ := credentials["ProcessID"].Value().(uint32) // 0 when not known
	return agent.Caller{UID: uid, PID: pid, Via: "dbus"}, nil
}
