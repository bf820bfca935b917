package sink

import (
	"bytes"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

func TestTextIsForAPersonAtATerminal(t *testing.T) {
	var out bytes.Buffer
	s := NewText(&out)
	stamp := record.NewStamper("0123456789abcdef0123456789abcdef")
	at := time.Date(2026, 11, 22, 3, 12, 7, 118_204_551, time.Local)
	for _, l := range []*record.Log{{Severity: 4, Text: "the bus is lost\x1b[2J"}, {Severity: 6, Text: "it is back"}} {
		stamp.Stamp(l, at)
		s.Write(l)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "03:12:07.118 WARN  the bus is lost\\x1b[2J\n03:12:07.118 INFO  it is back\n"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
	if got := s.Counters()[CounterSent]; got != 2 {
		t.Errorf("%d sent", got)
	}
}
