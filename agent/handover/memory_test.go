package handover

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newMemory(t *testing.T) *Memory {
	t.Helper()
	m, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func write(t *testing.T, m *Memory, text string) Draft {
	t.Helper()
	d, err := m.Write(func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// next is what a process that comes later finds.
func next(t *testing.T, m *Memory) (*Memory, string) {
	t.Helper()
	after, err := Open(m.FD())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { after.Close() })
	base, ok := after.Base()
	if !ok {
		return after, "none"
	}
	text, err := io.ReadAll(base)
	if err != nil {
		t.Fatal(err)
	}
	return after, string(text)
}

func TestOnlyWhatIsCommittedIsHandedOver(t *testing.T) {
	m := newMemory(t)
	want := func(text string) {
		t.Helper()
		if _, got := next(t, m); got != text {
			t.Errorf("the next process finds %.20q; want %.20q", got, text)
		}
	}
	want("none")
	first := write(t, m, "first")
	want("none")
	m.Commit(first)
	want("first")
	second := write(t, m, strings.Repeat("second", 10_000))
	want("first")
	third := write(t, m, "third")
	m.Commit(second) // which is written over by now
	want("first")
	m.Commit(third)
	want("third")
	m.Commit(first)
	want("third")
	if _, err := m.Write(func(io.Writer) error { return fmt.Errorf("broken") }); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a write that failed: %v", err)
	}
	want("third")
}

func TestTheNextProcessGoesOnWriting(t *testing.T) {
	m := newMemory(t)
	m.Commit(write(t, m, "old"))
	late := write(t, m, "late")
	after, _ := next(t, m)
	after.Commit(late)
	if _, got := next(t, after); got != "old" {
		t.Errorf("what the one before had not committed is in force: %q", got)
	}
	after.Commit(write(t, after, "new"))
	if _, got := next(t, after); got != "new" {
		t.Errorf("got %q", got)
	}
}

func TestNumbersAreThereAtOnce(t *testing.T) {
	m := newMemory(t)
	m.Seq().Add(41)
	m.Seq().Add(1)
	for i := range Words {
		m.Word(i).Store(uint64(i) + 7)
	}
	after, _ := next(t, m)
	if got := after.Seq().Load(); got != 42 {
		t.Errorf("record %d; want 42", got)
	}
	for i := range Words {
		if got := after.Word(i).Load(); got != uint64(i)+7 {
			t.Errorf("word %d is %d", i, got)
		}
	}
}

// blocks is what the file takes, in bytes.
func blocks(t *testing.T, m *Memory) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(m.FD(), &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestTheMemoryOfALongBaseComesBack(t *testing.T) {
	m := newMemory(t)
	empty := blocks(t, m)
	long := strings.Repeat("x", 1<<20)
	for range 2 {
		m.Commit(write(t, m, long))
	}
	if got := blocks(t, m); got < 2<<20 {
		t.Fatalf("two bases of 1 MiB take %d bytes", got)
	}
	for range 2 {
		m.Commit(write(t, m, "short"))
	}
	if got := blocks(t, m); got > empty+2*pageBytes {
		t.Errorf("two short bases take %d bytes, an empty memory %d", got, empty)
	}
	if _, got := next(t, m); got != "short" {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsNoMemoryIsRefused(t *testing.T) {
	other := newMemory(t)
	other.page.magic++
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for says, fd := range map[string]int{
		"it is no memory of ours": int(file.Fd()), "another layout": other.FD(), "copy the descriptor": 1 << 20,
	} {
		m, err := Open(fd)
		if err == nil {
			m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
}
