package sink

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// memory keeps what it is given.
type memory struct{ records []record.Record }

func (m *memory) Write(r record.Record)     { m.records = append(m.records, r) }
func (*memory) Counters() map[string]uint64 { return nil }
func (*memory) After(then func())           { then() }
func (*memory) Close(context.Context) error { return nil }
func (m *memory) last(t *testing.T) *record.Log {
	t.Helper()
	if len(m.records) == 0 {
		t.Fatal("nothing was logged")
	}
	l := m.records[len(m.records)-1].(*record.Log)
	recordtest.Validate(t, record.Marshal(l))
	return l
}

func TestLogLevels(t *testing.T) {
	m := &memory{}
	log := slog.New(NewLogHandler(m, stamper(), slog.LevelInfo))
	log.Debug("too fine")
	if len(m.records) != 0 {
		t.Error("debug was logged")
	}
	for level, want := range map[slog.Level]struct {
		priority int
		name     string
	}{
		slog.LevelInfo: {6, "INFO"}, slog.LevelInfo + 1: {6, "INFO"},
		slog.LevelWarn: {4, "WARN"}, slog.LevelError: {3, "ERROR"}, slog.LevelError + 9: {3, "ERROR"},
	} {
		log.Log(t.Context(), level, "m")
		if l := m.last(t); l.Severity != want.priority || l.Level != want.name {
			t.Errorf("%v: priority %d, level %s", level, l.Severity, l.Level)
		}
	}
	slog.New(NewLogHandler(m, stamper(), slog.LevelDebug)).Debug("fine")
	if l := m.last(t); l.Severity != 7 || l.Level != "DEBUG" {
		t.Errorf("debug: %+v", l)
	}
}

func TestLogLine(t *testing.T) {
	m := &memory{}
	log := slog.New(NewLogHandler(m, stamper(), slog.LevelInfo))
	log.With("a", 1).WithGroup("g").With("b", time.Second).
		Warn("evil\n\x1b[2Jname", "c", errors.New("no\nsuch"), slog.Group("h", "d", true, slog.Group("", "e", 2.5)), "f", slog.AnyValue(nil))
	l := m.last(t)
	want := map[string]string{"a": "1", "g.b": "1s", "g.c": "no\nsuch", "g.h.d": "true", "g.h.e": "2.5", "g.f": "<nil>"}
	if !maps.Equal(l.Attributes, want) {
		t.Errorf("attributes %q, want %q", l.Attributes, want)
	}
	var object struct {
		Msg, Event string
		Seq        int
		Attributes map[string]string
	}
	if err := json.Unmarshal(record.Marshal(l), &object); err != nil {
		t.Fatal(err)
	}
	if object.Msg != `evil\x0a\x1b[2Jname` || object.Event != "log" || object.Seq != 1 || object.Attributes["g.c"] != `no\x0asuch` {
		t.Errorf("line %+v", object)
	}
}

func TestLoggersDoNotShareAttributes(t *testing.T) {
	m := &memory{}
	base := slog.New(NewLogHandler(m, stamper(), slog.LevelInfo)).With("a", 1)
	base.With("b", 2).Info("m")
	base.With("c", 3).Info("m", "d", 4)
	base.WithGroup("").Info("m")
	if got := m.last(t).Attributes; !maps.Equal(got, map[string]string{"a": "1"}) {
		t.Errorf("attributes %v", got)
	}
}

type lazy struct{}

func (lazy) LogValue() slog.Value { return slog.GroupValue(slog.String("x", "resolved")) }

func TestLogValuesAreResolved(t *testing.T) {
	m := &memory{}
	log := slog.New(NewLogHandler(m, stamper(), slog.LevelInfo))
	log.Info("m", "l", lazy{}, slog.Attr{})
	if got := m.last(t).Attributes; !maps.Equal(got, map[string]string{"l.x": "resolved"}) {
		t.Errorf("attributes %v", got)
	}
}

func TestLogWithoutATime(t *testing.T) {
	m := &memory{}
	h := NewLogHandler(m, stamper(), slog.LevelInfo)
	if err := h.Handle(t.Context(), slog.Record{Message: strings.Repeat("long ", 2000)}); err != nil {
		t.Fatal(err)
	}
	if l := m.last(t); l.Time == "" {
		t.Error("the record has no time")
	}
	if err := h.Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "m", 0)); err != nil {
		t.Fatal(err)
	}
	if l := m.last(t); l.Time != record.FormatTime(at) {
		t.Errorf("time %s", l.Time)
	}
}
