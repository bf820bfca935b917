package sink

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

var at = time.Date(2026, 11, 22, 3, 12, 7, 0, time.UTC)

func stamper() *record.Stamper { return record.NewStamper("0a1b2c3d4e5f60718293a4b5c6d7e8f9") }

// write writes n records.
func write(s Sink, n int) {
	stamp := stamper()
	for range n {
		r := &record.State{Change: record.ChangeStarted, Detail: "by a\ntest"}
		stamp.Stamp(r, at)
		s.Write(r)
	}
}

func want(t *testing.T, s Sink, sent, queue, failed uint64) {
	t.Helper()
	want := map[string]uint64{
		"output_sent": sent, "output_dropped_queue": queue, "output_dropped_deadline": 0, "output_dropped_error": failed,
	}
	if got := s.Counters(); !reflect.DeepEqual(got, want) {
		t.Errorf("counters %v, want %v", got, want)
	}
}

func closed(t *testing.T, s Sink) {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStdoutWritesLines(t *testing.T) {
	var out bytes.Buffer
	s := NewStdout(&out)
	write(s, 100)
	closed(t, s)
	lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	if len(lines) != 100 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		recordtest.Validate(t, line)
		if !bytes.Contains(line, fmt.Appendf(nil, `"seq":%d,`, i+1)) {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
	want(t, s, 100, 0, 0)
	write(s, 1)
	want(t, s, 100, 1, 0)
}

// A pipe that nobody reads costs lines, and never our time.
func TestStdoutWithAPipeThatIsNotRead(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := NewStdout(w)
	const n = 4000 // a pipe holds 64 KiB, the queue 1024 lines
	write(s, n)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("closed with %v", err)
	}
	r.Close() // the line that hangs fails
	closed(t, s)
	c := s.Counters()
	if c[CounterDroppedQueue] < n-2000 || c[CounterSent] == 0 {
		t.Errorf("counters %v", c)
	}
	if sum := c[CounterSent] + c[CounterDroppedQueue] + c[CounterDroppedError]; sum != n {
		t.Errorf("%d of %d accounted for: %v", sum, n, c)
	}
}

func TestStdoutCountsAClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	s := NewStdout(w)
	write(s, 3)
	closed(t, s)
	want(t, s, 0, 0, 3)
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := NewJournal(path)
	write(s, 1)
	buffer := make([]byte, 1<<16)
	l.SetReadDeadline(time.Now().Add(time.Minute)) // instead of hanging
	n, err := l.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	got := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(buffer[:n])); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		got[name] = value
	}
	recordtest.Validate(t, []byte(got["MESSAGE"]))
	if got["SYSLOG_IDENTIFIER"] != "syscountd" || got["PRIORITY"] != "6" || got["SYSCOUNT_EVENT"] != "state" || len(got) != 5 {
		t.Errorf("fields %v", got)
	}
	want(t, s, 1, 0, 0)
}

func TestJournalWithoutAJournald(t *testing.T) {
	s := NewJournal(filepath.Join(t.TempDir(), "socket"))
	write(s, 3)
	closed(t, s)
	want(t, s, 0, 0, 3)
	write(s, 1)
	want(t, s, 0, 1, 3)
}
