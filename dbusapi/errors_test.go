package dbusapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

func TestErrorsHaveTheirNamesOnTheBusAndComeBackAsThemselves(t *testing.T) {
	for err, name := range map[error]string{
		agent.ErrInvalid:       "org.freedesktop.DBus.Error.InvalidArgs",
		agent.ErrNoSuchProcess: "io.github.syscountd1.Error.NoSuchProcess",
		agent.ErrNoSuchUnit:    "io.github.syscountd1.Error.NoSuchUnit",
		agent.ErrPolicy:        "io.github.syscountd1.Error.PolicyInvalid",
		agent.ErrKernel:        "io.github.syscountd1.Error.Kernel",
		agent.ErrStopping:      "io.github.syscountd1.Error.Stopping",
		ErrAccessDenied:        "org.freedesktop.DBus.Error.AccessDenied",
		ErrTimeout:             "org.freedesktop.DBus.Error.Timeout",
		errUnknownObject:       "org.freedesktop.DBus.Error.UnknownObject",
		errUnknownInterface:    "org.freedesktop.DBus.Error.UnknownInterface",
		errUnknownProperty:     "org.freedesktop.DBus.Error.UnknownProperty",
		errReadOnly:            "org.freedesktop.DBus.Error.PropertyReadOnly",
	} {
		sent := busError(fmt.Errorf("do it: %w", err))
		if sent.Name != name || sent.Error() != "do it: "+err.Error() {
			t.Errorf("%v is sent as %s: %v", err, sent.Name, sent)
		}
		got := fromBus(*sent)
		if !errors.Is(got, err) || got.Error() != sent.Error() {
			t.Errorf("%v came back as %v", err, got)
		}
		for other := range map[error]bool{agent.ErrInvalid: true, ErrAccessDenied: true, io.EOF: true} {
			if other != err && errors.Is(got, other) {
				t.Errorf("%v came back as %v too", err, other)
			}
		}
	}
}

func TestOtherErrorsAreFailed(t *testing.T) {
	sent := busError(io.ErrUnexpectedEOF)
	if sent.Name != "org.freedesktop.DBus.Error.Failed" || sent.Error() != "unexpected EOF" {
		t.Errorf("%s: %v", sent.Name, sent)
	}
}

func TestErrorTextIsFitForTheWire(t *testing.T) {
	sent := busError(errors.New("bad \xff\x00\x1b[31m\n"))
	if text := sent.Error(); !utf8.ValidString(text) || text != `bad \xff\x00\x1b[31m\n` {
		t.Errorf("%q", text)
	}
}

func TestErrorsOfTheBusAreUnderstood(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, ErrNotRunning},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NameHasNoOwner"}, ErrNotRunning},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, ErrTimeout},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Disconnected"}, ErrNoBus},
		{context.DeadlineExceeded, ErrTimeout},
		{context.Canceled, context.Canceled},
		{dbus.ErrClosed, ErrNoBus},
		{io.EOF, ErrNoBus},
		{dbus.FormatError("input has a not-utf8 char in string"), agent.ErrInvalid},
	} {
		if got := fromBus(c.err); !errors.Is(got, c.want) {
			t.Errorf("%v became %v, want %v", c.err, got, c.want)
		}
	}
	if fromBus(nil) != nil {
		t.Error("no error became one")
	}
	unknown := fromBus(dbus.Error{Name: "org.example.Odd", Body: []any{"text"}})
	if errors.Is(unknown, agent.ErrInvalid) || unknown.Error() != "text" {
		t.Errorf("%v", unknown)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"nginx.service":          "nginx.service",
		`a\x2db.service`:         `a\x2db.service`,
		"größe 日本 \U0001f600":    "größe 日本 \U0001f600",
		"a\nb\tc\x00d\x1b[2J":    `a\nb\tc\x00d\x1b[2J`,
		"\xff\xfe":               `\xff\xfe`,
		"\x01\xf0\x9f":           `\x01\xf0\x9f`,
		"\u202e\u2028\u0085\x7f": `\u202e\u2028\u0085\x7f`,
		"\ufffd":                 "\ufffd",
		"it's \"quoted\"":        "it's \"quoted\"",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x00\xff\u202e")
	f.Fuzz(func(t *testing.T, in string) {
		out := printable(in)
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\x00\x1b\n\x7f") || printable(out) != out {
			t.Errorf("printable(%q) = %q", in, out)
		}
	})
}

func TestQuoteCutsLongText(t *testing.T) {
	if got := quote("a\nb"); got != `"a\nb"` {
		t.Error(got)
	}
	if got := quote(strings.Repeat("x", 100)); got != `"`+strings.Repeat("x", 64)+`"...` {
		t.Error(got)
	}
}
