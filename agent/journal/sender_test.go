package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// plenty is a deadline that only a broken sender reaches.
const plenty = time.Minute

// journald listens where the test says, as the real one does: with credentials
// asked for.
func journald(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
			t.Error(err)
		}
	})
	return l
}

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "socket") }

// receive gives the next datagram and the files that came with it.
func receive(t *testing.T, l *net.UnixConn) ([]byte, []int) {
	t.Helper()
	datagram, oob := make([]byte, 1<<16), make([]byte, 1024)
	l.SetReadDeadline(time.Now().Add(plenty)) // instead of hanging
	n, oobn, _, _, err := l.ReadMsgUnix(datagram, oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	var files []int
	for _, m := range messages {
		if fds, err := syscall.ParseUnixRights(&m); err == nil {
			files = append(files, fds...)
		}
	}
	return datagram[:n], files
}

func want(t *testing.T, s *Sender, c Counters) {
	t.Helper()
	if got := s.Counters(); got != c {
		t.Errorf("counters %+v, want %+v", got, c)
	}
}

func closed(t *testing.T, s *Sender) {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEntriesArriveInOrder(t *testing.T) {
	path := socketPath(t)
	l := journald(t, path)
	s := newSender(path, plenty)
	for i := range 100 {
		if !s.Send(Entry{{"MESSAGE", fmt.Sprintf("line %d\nmore", i)}, {"PRIORITY", "6"}}) {
			t.Fatalf("entry %d was dropped", i)
		}
	}
	for i := range 100 {
		datagram, _ := receive(t, l)
		e := decode(t, datagram)
		if !slices.Equal(e, Entry{{"MESSAGE", fmt.Sprintf("line %d\nmore", i)}, {"PRIORITY", "6"}}) {
			t.Fatalf("entry %d: %q", i, e)
		}
	}
	closed(t, s)
	want(t, s, Counters{Sent: 100})
	if s.socket.conn != nil {
		t.Error("the socket is left open")
	}
}

func TestALargeEntryIsPassedAsASealedFile(t *testing.T) {
	path := socketPath(t)
	l := journald(t, path)
	s := newSender(path, plenty)
	e := Entry{{"MESSAGE", strings.Repeat("x", 1<<20)}}
	s.Send(e)
	datagram, files := receive(t, l)
	if len(datagram) != 0 || len(files) != 1 {
		t.Fatalf("%d bytes and %d files", len(datagram), len(files))
	}
	f := os.NewFile(uintptr(files[0]), "received")
	defer f.Close()
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || seals != unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE {
		t.Errorf("seals %#x, %v: journald 252 wants exactly these four", seals, err)
	}
	content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(decode(t, content), e) {
		t.Errorf("the file holds %.40q...", content)
	}
	s.Send(Entry{{"MESSAGE", "small again"}})
	if datagram, files := receive(t, l); string(datagram) != "MESSAGE=small again\n" || len(files) != 0 {
		t.Errorf("then %q and %d files", datagram, len(files))
	}
	closed(t, s)
	want(t, s, Counters{Sent: 2})
}

func TestJournaldIsRestarted(t *testing.T) {
	path := socketPath(t)
	l := journald(t, path)
	s := newSender(path, plenty)
	s.Send(Entry{{"MESSAGE", "one"}})
	receive(t, l)
	l.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l = journald(t, path)
	s.Send(Entry{{"MESSAGE", "two"}})
	if datagram, _ := receive(t, l); string(datagram) != "MESSAGE=two\n" {
		t.Errorf("got %q", datagram)
	}
	closed(t, s)
	want(t, s, Counters{Sent: 2})
}

func TestJournaldComesLate(t *testing.T) {
	path := socketPath(t)
	s := &Sender{socket: socket{path: path}, wait: plenty}
	s.consume([]byte("MESSAGE=lost\n"))
	want(t, s, Counters{DroppedError: 1})
	l := journald(t, path)
	s.consume([]byte("MESSAGE=found\n"))
	if datagram, _ := receive(t, l); string(datagram) != "MESSAGE=found\n" {
		t.Errorf("got %q", datagram)
	}
	want(t, s, Counters{DroppedError: 1, Sent: 1})
	s.socket.close()
}

// A journald that does not read costs entries, and never our time.
func TestJournaldHangs(t *testing.T) {
	path := socketPath(t)
	journald(t, path)
	s := newSender(path, time.Millisecond)
	const n = 3000
	accepted := 0
	for range n {
		if s.Send(Entry{{"MESSAGE", "m"}}) {
			accepted++
		}
	}
	if accepted < maxEntries {
		t.Errorf("%d accepted, the queue holds %d", accepted, maxEntries)
	}
	closed(t, s)
	c := s.Counters()
	if c.Sent == 0 || c.DroppedDeadline == 0 || c.DroppedError != 0 {
		t.Errorf("counters %+v", c)
	}
	if sum := c.Sent + c.DroppedDeadline + c.DroppedQueue; sum != n || c.DroppedQueue != n-uint64(accepted) {
		t.Errorf("%d of %d accounted for: %+v, %d accepted", sum, n, c, accepted)
	}
}

func TestCloseGivesUp(t *testing.T) {
	path := socketPath(t)
	l := journald(t, path)
	s := newSender(path, plenty)
	// The first ones fill journald's socket, the next one hangs.
	const n = 1000
	for range n {
		s.Send(Entry{{"MESSAGE", "m"}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("closed with %v", err)
	}
	if c := s.Counters(); c.DroppedQueue == 0 {
		t.Errorf("counters %+v", c)
	}
	// Let the sender go, and see that each entry is accounted for.
	for s.Counters().Sent+s.Counters().DroppedQueue < n {
		receive(t, l)
	}
	closed(t, s)
	if s.Send(Entry{{"MESSAGE", "late"}}) {
		t.Error("a closed sender takes entries")
	}
}

func TestAnInvalidEntryIsCounted(t *testing.T) {
	s := newSender(socketPath(t), plenty)
	if s.Send(Entry{{"_PID", "1"}}) || s.Send(nil) {
		t.Error("sent")
	}
	closed(t, s)
	want(t, s, Counters{DroppedError: 2})
}

// Bound to no name: `ss -xlp` shows nothing, and nobody can send to us.
func TestTheSocketIsNotBound(t *testing.T) {
	path := socketPath(t)
	l := journald(t, path)
	s := &socket{path: path}
	if err := s.send([]byte("MESSAGE=m\n"), time.Now().Add(plenty)); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if got := nameOf(t, s.conn); got != "" {
		t.Errorf("bound to %q", got)
	}
	if got := nameOf(t, l); got != path {
		t.Errorf("the listener's name is %q, want %q", got, path)
	}
}

// nameOf asks /proc/net/unix for the name of a socket.
func nameOf(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &stat) })
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/self/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line)) // Num RefCount Protocol Flags Type St Inode [Path]
		if len(fields) >= 7 && fields[6] == fmt.Sprint(stat.Ino) {
			return strings.Join(fields[7:], " ")
		}
	}
	t.Fatalf("socket %d is not in /proc/self/net/unix", stat.Ino)
	return ""
}

func TestAvailable(t *testing.T) {
	path := socketPath(t)
	if Available(path) {
		t.Error("available, but there is no socket")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if Available(path) {
		t.Error("available, but it is a file")
	}
	os.Remove(path)
	journald(t, path)
	if !Available(path) {
		t.Error("not available, but somebody listens")
	}
	if Available("/" + strings.Repeat("x", 200)) {
		t.Error("available, but the path is too long for a socket")
	}
}

func BenchmarkSend(b *testing.B) {
	path := filepath.Join(b.TempDir(), "socket")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go io.Copy(io.Discard, l)
	s := &socket{path: path}
	defer s.close()
	datagram := bytes.Repeat([]byte("x"), 1500)
	for b.Loop() {
		if err := s.send(datagram, time.Now().Add(plenty)); err != nil {
			b.Fatal(err)
		}
	}
}
