package dbusapi

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// inodeAgent tells which file the descriptor of a command is.
type inodeAgent struct {
	dbustest.Agent
	inode chan uint64
}

func (a *inodeAgent) Do(_ context.Context, _ agent.Caller, cmd agent.Command) error {
	var stat unix.Stat_t
	err := unix.Fstat(cmd.(agent.FilterProcess).PIDFD, &stat)
	a.inode <- stat.Ino
	return err
}

func TestADescriptorReachesTheAgentAndIsClosed(t *testing.T) {
	a := &inodeAgent{inode: make(chan uint64, 1)}
	r := newRig(t, func(cfg *Config) { cfg.Agent = a })
	file := tempFile(t)
	var want unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &want); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{Interface + ".FilterPIDFD", "FilterPIDFD"} {
		if err := r.object().Call(method, 0, dbus.UnixFD(file.Fd())).Err; err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if got := wait(t, "the command", a.inode); got != want.Ino {
			t.Errorf("%s: the agent got inode %d, want %d", method, got, want.Ino)
		}
	}
	eventually(t, "the descriptors are closed", func() bool { return opened(t, file) == 1 })
}

// Whoever may talk to us may send descriptors with anything.
func TestDescriptorsThatNobodyTakesAreClosed(t *testing.T) {
	r := newRig(t)
	file := tempFile(t)
	fd := dbus.UnixFD(file.Fd())
	for range 20 {
		for _, c := range []struct {
			path   dbus.ObjectPath
			method string
			args   []any
		}{
			{ObjectPath, Interface + ".FilterPID", []any{fd}},
			{ObjectPath, Interface + ".FilterPIDFD", []any{fd, fd}},
			{ObjectPath, Interface + ".FilterPIDFD", []any{[]dbus.UnixFD{fd, fd, fd}}},
			{ObjectPath, Interface + ".SetFilter", []any{dict{"pids": dbus.MakeVariant(fd)}}},
			{ObjectPath, Interface + ".Nonsense", []any{fd}},
			{"/nonsense", Interface + ".FilterPIDFD", []any{fd}},
			{ObjectPath, propertiesInterface + ".Set", []any{Interface, "State", dbus.MakeVariant(fd)}},
			{ObjectPath, peerInterface + ".Ping", []any{fd}},
		} {
			if err := r.conn.Object(BusName, c.path).Call(c.method, 0, c.args...).Err; errorName(err) == "" {
				t.Errorf("%s %v: %v", c.method, c.args, err)
			}
		}
	}
	eventually(t, "the descriptors are closed", func() bool { return opened(t, file) == 1 })
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %v", asked)
	}
}

func TestACallWithoutItsDescriptorIsRefused(t *testing.T) {
	for name, args := range map[string][]any{"an index": {dbus.UnixFDIndex(0)}, "another type": {uint32(1)}} {
		_, err := filterPIDFD(t.Context(), New(Config{}), agent.Caller{}, args)
		if err == nil || !strings.Contains(err.Error(), "no file descriptor came with the call") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// opened counts the descriptors of this process that are of a file.
func opened(t *testing.T, file *os.File) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && target == file.Name() {
			n++
		}
	}
	return n
}
