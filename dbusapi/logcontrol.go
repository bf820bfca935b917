package dbusapi

import (
	_ "embed"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// The interface for the service's own log, which systemctl service-log-level uses
// (org.freedesktop.LogControl1(5)).
const (
	logControlInterface                 = "org.freedesktop.LogControl1"
	logControlPath      dbus.ObjectPath = "/org/freedesktop/LogControl1"
)

//go:embed org.freedesktop.LogControl1.xml
var logControlXML string

// identifier of our entries in the journal; sink.Identifier.
const identifier = "syscountd"

func logControlProperties() []property {
	return []property{
		{name: "LogLevel", sig: "s", emits: emitsFalse,
			get: func(s *Service, _ *agent.Status) any { return s.cfg.LogLevel.Name() },
			set: func(s *Service, value any) error { return s.cfg.LogLevel.Set(value.(string)) }},
		{name: "LogTarget", sig: "s", emits: emitsFalse,
			get: func(s *Service, _ *agent.Status) any { return s.cfg.LogTarget },
			set: setLogTarget},
		{name: "SyslogIdentifier", sig: "s", emits: emitsConst,
			get: func(*Service, *agent.Status) any { return identifier }},
	}
}

// setLogTarget accepts what is: where records go [output] of the policy says, and the
// log goes with them.
func setLogTarget(s *Service, value any) error {
	if target := value.(string); target != s.cfg.LogTarget && target != "auto" {
		return refuse(agent.ErrInvalid, "log target %s cannot be had; it stays %q, where [output] of the policy sends the records",
			quote(target), s.cfg.LogTarget)
	}
	return nil
}
