package dbusapi

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

func TestTheLogLevelIsReadAndSetOverTheBus(t *testing.T) {
	level := &LogLevel{}
	r := newRig(t, func(cfg *Config) { cfg.LogLevel, cfg.LogTarget = level, "journal" })
	object := r.conn.Object(BusName, logControlPath)
	get := func(name string) any {
		t.Helper()
		v, err := object.GetProperty(logControlInterface + "." + name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v.Value()
	}
	if get("LogLevel") != "info" || get("LogTarget") != "journal" || get("SyslogIdentifier") != "syscountd" {
		t.Errorf("level %v, target %v, identifier %v", get("LogLevel"), get("LogTarget"), get("SyslogIdentifier"))
	}
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "err": slog.LevelError,
		"notice": slog.LevelInfo + 1, "crit": slog.LevelError + 1, "alert": slog.LevelError + 2, "emerg": slog.LevelError + 3,
	} {
		if err := object.SetProperty(logControlInterface+".LogLevel", dbus.MakeVariant(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if get("LogLevel") != name || level.Level() != want {
			t.Errorf("set to %s: it is %v, %v", name, get("LogLevel"), level.Level())
		}
	}
}

// Who makes the log quiet is in it, and who makes it wordy too.
func TestWhoSetsTheLogLevelIsTold(t *testing.T) {
	level := &LogLevel{}
	var mu sync.Mutex // what orders the answer after the telling is the bus, which the race detector does not see
	var told []string
	r := newRig(t, func(cfg *Config) {
		cfg.LogLevel = level
		cfg.LevelSet = func(who agent.Caller, from, to string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(who.UID, who.PID, who.Via, " ", from, " ", to, " ", level.Level() <= slog.LevelInfo+1))
		}
	})
	object := r.conn.Object(BusName, logControlPath)
	for _, name := range []string{"err", "loud", "debug"} {
		_ = object.SetProperty(logControlInterface+".LogLevel", dbus.MakeVariant(name))
	}
	who := fmt.Sprint(os.Getuid(), os.Getpid(), "dbus")
	mu.Lock()
	defer mu.Unlock()
	if want := []string{who + " info err true", who + " err debug true"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestWhatTheLogCannotDoIsRefused(t *testing.T) {
	r := newRig(t, func(cfg *Config) { cfg.LogTarget = "console" })
	object := r.conn.Object(BusName, logControlPath)
	for _, c := range []struct {
		name  string
		value any
		want  string // "": accepted
		says  string
	}{
		{"LogLevel", "loud", "InvalidArgs", `log level "loud" is unknown; give one of alert, crit, debug`},
		{"LogLevel", "", "InvalidArgs", "is unknown"},
		{"LogLevel", uint32(7), "InvalidArgs", `property LogLevel: expected type "s", got "u"`},
		{"LogTarget", "syslog", "InvalidArgs", `log target "syslog" cannot be had; it stays "console"`},
		{"LogTarget", "console", "", ""},
		{"LogTarget", "auto", "", ""},
		{"SyslogIdentifier", "x", "PropertyReadOnly", "read-only"},
		{"Nonsense", "x", "UnknownProperty", "no property"},
	} {
		err := object.SetProperty(logControlInterface+"."+c.name, dbus.MakeVariant(c.value))
		name := strings.TrimPrefix(errorName(err), standardError)
		if name != c.want || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s = %v: %s: %v; want %s: %s", c.name, c.value, name, err, c.want, c.says)
		}
	}
	if level := r.service.cfg.LogLevel.Name(); level != "info" {
		t.Errorf("the level is %s now", level)
	}
}
