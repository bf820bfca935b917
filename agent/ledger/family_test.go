package ledger

import (
	"testing"

	"github.com/syscountd/syscountd/bpf"
)

// A group's lines come and go one by one, and the others stay what they are.
func TestAFamilyLosesOneLine(t *testing.T) {
	var f family
	var lines []*Line
	for nr := range int32(3) {
		lines = append(lines, f.line(Key{named("sh"), bpf.Syscall{Nr: nr}}))
	}
	f.drop(lines[0])
	for nr, want := range lines[1:] {
		if got := f.line(want.Key); got != want {
			t.Errorf("syscall %d has another line", nr+1)
		}
	}
	if again := f.line(lines[0].Key); again == lines[0] || len(f.members) != 3 {
		t.Errorf("%d lines; want a new third one", len(f.members))
	}
}

// The line of a row that is forgotten still has its calls of this interval, and none in the next.
func TestALineOutlivesItsRows(t *testing.T) {
	var one, two kernelRow
	l := New()
	one.call(100, false)
	two.call(100, false)
	l.Begin()
	l.Post(named("sh"), keyOf(1, read, 0), one.read())
	l.Post(named("sh"), keyOf(1, read, 1), two.read())
	l.Forget(keyOf(1, read, 0))
	l.Forget(keyOf(1, read, 1))
	if lines := l.Lines(); len(lines) != 1 || lines[0].Count != 2 {
		t.Errorf("lines %+v; want one of two calls", lines)
	}
	l.Begin()
	l.Post(named("sh"), keyOf(1, read, 0), one.read()) // the PID and start of before: another row all the same
	if lines := l.Lines(); len(lines) != 1 || lines[0].Count != 1 || len(l.all) != 1 {
		t.Errorf("lines %+v; want one of one call", lines)
	}
}
