package sink

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

// LogHandler is a slog.Handler that makes each log message a record of the
// event "log".
type LogHandler struct {
	sink    Sink
	stamper *record.Stamper
	level   slog.Leveler

	attributes map[string]string // of WithAttrs; never changed once set
	prefix     string            // of WithGroup: "group."
}

// NewLogHandler returns a handler for messages of this level and above.
func NewLogHandler(s Sink, stamper *record.Stamper, level slog.Leveler) *LogHandler {
	return &LogHandler{sink: s, stamper: stamper, level: level}
}

// Enabled implements slog.Handler.
func (h *LogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle implements slog.Handler. It never waits and never fails: what cannot
// be written is counted by the sink.
func (h *LogHandler) Handle(_ context.Context, m slog.Record) error {
	attributes := maps.Clone(h.attributes)
	m.Attrs(func(a slog.Attr) bool {
		attributes = add(attributes, h.prefix, a)
		return true
	})
	l := &record.Log{Severity: severity(m.Level), Text: m.Message, Attributes: attributes}
	at := m.Time
	if at.IsZero() {
		at = time.Now() // slog leaves out the time on request; a record needs one
	}
	h.stamper.Stamp(l, at)
	h.sink.Write(l)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *LogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attributes = maps.Clone(h.attributes)
	for _, a := range attrs {
		c.attributes = add(c.attributes, h.prefix, a)
	}
	return &c
}

// WithGroup implements slog.Handler. The name is put before those of the
// attributes, with a dot.
func (h *LogHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.prefix += name + "."
	return &c
}

// add adds an attribute as text, and the members of a group one by one.
func add(to map[string]string, prefix string, a slog.Attr) map[string]string {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			to = add(to, prefix, member)
		}
		return to
	}
	if a.Equal(slog.Attr{}) {
		return to
	}
	if to == nil {
		to = map[string]string{}
	}
	to[prefix+a.Key] = value.String()
	return to
}

// severity is the syslog priority of a level of slog.
func severity(level slog.Level) int {
	switch {
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level >= slog.LevelInfo:
		return 6
	}
	return 7
}
