package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// manager is systemd's end of sd_notify(3): it keeps what it is given.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	max  int // FileDescriptorStoreMax=
	done chan struct{}

	mu   sync.Mutex
	kept []*os.File
}

func newManager(t *testing.T, limit int) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t: t, conn: conn, max: limit, done: make(chan struct{})}
	go m.listen()
	t.Cleanup(func() {
		conn.Close()
		<-m.done
		m.empty()
	})
	return m
}

func (m *manager) socket() notifySocket { return notifySocket(m.conn.LocalAddr().String()) }

func (m *manager) listen() {
	defer close(m.done)
	text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*16))
	for {
		n, r, _, _, err := m.conn.ReadMsgUnix(text, rights)
		if err != nil {
			return
		}
		m.take(strings.Split(string(text[:n]), "\n"), rights[:r])
	}
}

func (m *manager) take(lines []string, rights []byte) {
	var fds []int
	if messages, err := unix.ParseSocketControlMessage(rights); err == nil && len(messages) == 1 {
		fds, _ = unix.ParseUnixRights(&messages[0])
	}
	name := ""
	for _, line := range lines {
		if value, ok := strings.CutPrefix(line, "FDNAME="); ok {
			name = value
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(lines, "FDSTOREREMOVE=1") {
		m.kept = slices.DeleteFunc(m.kept, func(f *os.File) bool { return f.Name() == name && f.Close() == nil })
	}
	for _, fd := range fds {
		if slices.Contains(lines, "FDSTORE=1") && slices.Contains(lines, "FDPOLL=0") && len(m.kept) < m.max {
			m.kept = append(m.kept, os.NewFile(uintptr(fd), name))
			continue
		}
		unix.Close(fd)
	}
}

// files are what the next process is started with.
func (m *manager) files() (files []*os.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, file := range m.kept {
		fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			m.t.Fatal(err)
		}
		files = append(files, os.NewFile(uintptr(fd), file.Name()))
	}
	return files
}

func (m *manager) names() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, file := range m.kept {
		names = append(names, file.Name())
	}
	return names
}

// lose drops what has this part.
func (m *manager) lose(part string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = slices.DeleteFunc(m.kept, func(f *os.File) bool { return strings.HasSuffix(f.Name(), "/"+part) && f.Close() == nil })
}

// empty is what systemd does when the service is stopped.
func (m *manager) empty() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, file := range m.kept {
		file.Close()
	}
	m.kept = nil
}
