package journal

import (
	"strings"
	"testing"
)

func TestEncode(t *testing.T) {
	tests := map[string]struct {
		entry Entry
		want  string
	}{
		"plain":          {Entry{{"MESSAGE", "hello"}, {"PRIORITY", "6"}}, "MESSAGE=hello\nPRIORITY=6\n"},
		"empty":          {Entry{{"A", ""}}, "A=\n"},
		"equal sign":     {Entry{{"A", "b=c"}}, "A=b=c\n"},
		"newline":        {Entry{{"A", "b\nMESSAGE_ID=x"}}, "A\n\x0e\x00\x00\x00\x00\x00\x00\x00b\nMESSAGE_ID=x\n"},
		"binary":         {Entry{{"A", "\x00\xff\x1b"}}, "A=\x00\xff\x1b\n"},
		"only a newline": {Entry{{"A", "\n"}}, "A\n\x01\x00\x00\x00\x00\x00\x00\x00\n\n"},
		"longest name":   {Entry{{strings.Repeat("A", 64), "b"}}, strings.Repeat("A", 64) + "=b\n"},
		"digits in it":   {Entry{{"A_9", "b"}}, "A_9=b\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tt.entry.encode()
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, name := range []string{"", "_PID", "9A", "message", "A B", "A=B", "A\nB", "Ä", "A-B", strings.Repeat("A", 65)} {
		if got, err := (Entry{{"MESSAGE", "m"}, {name, "v"}}).encode(); err == nil {
			t.Errorf("name %q: encoded as %q", name, got)
		}
	}
	if got, err := (Entry{}).encode(); err == nil {
		t.Errorf("no fields: encoded as %q", got)
	}
}

// decode is journald's side of the protocol.
func decode(t testing.TB, datagram []byte) Entry {
	t.Helper()
	var e Entry
	rest := string(datagram)
	for rest != "" {
		line, after, ok := strings.Cut(rest, "\n")
		if !ok {
			t.Fatalf("no newline at the end: %q", rest)
		}
		name, value, short := strings.Cut(line, "=")
		if !short {
			if len(after) < 8 {
				t.Fatalf("no length: %q", after)
			}
			size := 0
			for i := 7; i >= 0; i-- {
				size = size<<8 | int(after[i])
			}
			if size < 0 || len(after) < 8+size+1 || after[8+size] != '\n' {
				t.Fatalf("length %d is wrong: %q", size, after)
			}
			value, after = after[8:8+size], after[8+size+1:]
		}
		e = append(e, Field{name, value})
		rest = after
	}
	return e
}

func FuzzEncode(f *testing.F) {
	f.Add("MESSAGE", "a\nb")
	f.Add("A", "=\n\n=\x00")
	f.Fuzz(func(t *testing.T, name, value string) {
		datagram, err := Entry{{"FIRST", value}, {name, value}}.encode()
		if err != nil {
			return
		}
		got := decode(t, datagram)
		if len(got) != 2 || got[0] != (Field{"FIRST", value}) || got[1] != (Field{name, value}) {
			t.Errorf("%q=%q came back as %q", name, value, got)
		}
	})
}
