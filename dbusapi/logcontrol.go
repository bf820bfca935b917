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
			set: setLogLevel},
		{name: "LogTarget", sig: "s", emits: emitsFalse,
			get: func(s *Service, _ *agent.Status) any { return s.cfg.LogTarget },
			set: setLogTarget},
		{name: "SyslogIdentifier", sig: "s", emits: emitsConst,
			get: func(*Service, *agent.Status) any { return identifier }},
	}
}

// setLogLevel tells who it was, while the wordier of the two levels is in force: one change
// must not hide itself.
func setLogLevel(s *Service, who agent.Caller, value any) error {
	level, to := s.cfg.LogLevel, value.(string)
	at, err := levelNamed(to)
	if err != nil {
		return err
	}
	from, quieter := level.Name(), logLevels[at].level > level.Level()
	if !quieter {
		level.at.Store(at)
	}
	if s.cfg.LevelSet != nil {
		s.cfg.LevelSet(who, from, to)
	}
	level.at.Store(at)
	return nil
}

// setLogTarget accepts what is: where records go [output] of the policy says, and the
// log goes with them.
func setLogTarget(s *Service, _ agent.Caller, value any) error {
	if target := value.(string); target != s.cfg.LogTarget && target != "auto" {
		return refuse(agent.ErrInvalid, "log target %s cannot be had; it stays %q, where [output] of the policy sends the records",
			quote(target), s.cfg.LogTarget)
	}
	return nil
}
