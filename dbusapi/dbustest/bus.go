// Package dbustest gives tests a bus of their own: a private dbus-daemon, and a
// fake agent to put on it. Nothing in it can reach the system bus of the machine.
package dbustest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
)

// nowhere is where the system bus is for a process whose tests run under Main.
const nowhere = "unix:path=/nonexistent/tests-must-not-touch-the-system-bus"

// Main is for TestMain of every package that has anything to do with a bus: code
// that falls back on the system bus then finds none. It returns the exit code.
func Main(m *testing.M) int {
	if err := os.Setenv("DBUS_SYSTEM_BUS_ADDRESS", nowhere); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// config lets every user connect, own and call everything: who may do what is
// for the code under test to decide.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <servicedir>%s</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true"/>
    <allow receive_requested_reply="true"/>
  </policy>
  %s
</busconfig>
`

// Bus is a private bus. Its methods fail the test instead of returning errors.
type Bus struct {
	Address string // the same after Restart

	t      testing.TB
	dir    string
	daemon *daemon // nil while stopped
}

// daemon is one running dbus-daemon.
type daemon struct {
	process *os.Process
	done    chan struct{} // closed when it has been waited for
}

// Start runs a dbus-daemon until the test ends.
func Start(t testing.TB) *Bus { return StartWith(t, "") }

// StartWith is Start with more elements for the daemon's configuration, such as
// a policy; see dbus-daemon(1).
func StartWith(t testing.TB, extra string) *Bus {
	t.Helper()
	// Not t.TempDir: other users must be able to enter it, and a socket's path
	// has 107 bytes at most.
	dir, err := os.MkdirTemp("", "dbustest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "bus")
	text := fmt.Sprintf(config, socket, dir, extra)
	if err := os.WriteFile(filepath.Join(dir, "bus.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	b := &Bus{Address: "unix:path=" + socket, t: t, dir: dir}
	t.Cleanup(b.Stop)
	b.Restart()
	return b
}

// Restart stops the daemon, if it runs, and starts another on the same address.
// It returns when that one listens.
func (b *Bus) Restart() {
	b.t.Helper()
	b.Stop()
	cmd := exec.Command("dbus-daemon", "--config-file="+filepath.Join(b.dir, "bus.conf"), "--nofork", "--nopidfile", "--print-address")
	// Shown on failure only: without privilege it complains about limits each time.
	complaints, err := os.Create(filepath.Join(b.dir, "stderr"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer complaints.Close()
	cmd.Stderr = complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := launch(cmd)
	if err != nil {
		b.t.Fatalf("start dbus-daemon: %v", err)
	}
	b.daemon = d
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, b.Address) {
		why, _ := os.ReadFile(complaints.Name())
		b.t.Fatalf("dbus-daemon printed the address %q (%v), want %q; it says:\n%s", line, err, b.Address, why)
	}
}

// launch starts cmd from a thread that lives as long as the command does: the
// kernel sends Pdeathsig, which ends the daemon with a test that crashes, when
// the starting thread ends.
func launch(cmd *exec.Cmd) (*daemon, error) {
	d := &daemon{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(d.done)
		err := cmd.Start()
		d.process = cmd.Process
		started <- err
		if err == nil {
			_, _ = cmd.Process.Wait()
		}
	}()
	return d, <-started
}

// Stop kills the daemon, as a crash would, and returns when it is gone. Without
// one it does nothing.
func (b *Bus) Stop() {
	b.t.Helper()
	if b.daemon == nil {
		return
	}
	b.Signal(syscall.SIGKILL)
	<-b.daemon.done
	b.daemon = nil
	// A crashed daemon leaves its socket, and the next one refuses to start on it.
	if err := os.Remove(filepath.Join(b.dir, "bus")); err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
}

// Signal sends a signal to the daemon; SIGSTOP makes a bus that hangs.
func (b *Bus) Signal(sig syscall.Signal) {
	b.t.Helper()
	if err := b.daemon.process.Signal(sig); err != nil {
		b.t.Fatalf("send %v to dbus-daemon: %v", sig, err)
	}
}

// Connect makes a connection that ends with the test.
func (b *Bus) Connect() *dbus.Conn {
	b.t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		b.t.Fatalf("connect to the private bus: %v", err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// Activatable makes the daemon start a program when name is called and nobody
// owns it, and restarts the daemon so that it knows.
func (b *Bus) Activatable(name, program string) {
	b.t.Helper()
	text := fmt.Sprintf("[D-BUS Service]\nName=%s\nExec=%s\n", name, program)
	if err := os.WriteFile(filepath.Join(b.dir, name+".service"), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.Restart()
}
