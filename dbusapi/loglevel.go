package dbusapi

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/syscountd/syscountd/agent"
)

// LogLevel is from which level on the service's own messages are written. It can be
// changed over the bus while they are. The zero value is "info". It is a slog.Leveler.
type LogLevel struct{ at atomic.Int32 } // index into logLevels, less the zero value's

// logLevels are the levels of syslog(3), as systemd calls them, and what they are to
// slog, which has fewer: notice is more than info, and nothing is above error.
var logLevels = []struct {
	name  string
	level slog.Level
}{
	{"info", slog.LevelInfo}, {"debug", slog.LevelDebug}, {"notice", slog.LevelInfo + 1}, {"warning", slog.LevelWarn},
	{"err", slog.LevelError}, {"crit", slog.LevelError + 1}, {"alert", slog.LevelError + 2}, {"emerg", slog.LevelError + 3},
}

// Level implements slog.Leveler.
func (l *LogLevel) Level() slog.Level { return logLevels[l.at.Load()].level }

// Name is how the level was called when it was set.
func (l *LogLevel) Name() string { return logLevels[l.at.Load()].name }

// levelNamed finds a level by its name.
func levelNamed(name string) (at int32, err error) {
	for i, known := range logLevels {
		if known.name == name {
			return int32(i), nil
		}
	}
	names := make([]string, len(logLevels))
	for i, known := range logLevels {
		names[i] = known.name
	}
	slices.Sort(names)
	return 0, refuse(agent.ErrInvalid, "log level %s is unknown; give one of %s", quote(name), strings.Join(names, ", "))
}
