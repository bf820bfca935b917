package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// container is a booted systemd-nspawn container.
type container struct {
	overlay *overlay
	cgroup  *cgroup
	leader  int // pid, on the host, of its PID 1
	nspawn  *os.Process
	console *os.File
	exited  <-chan error // has one value when nspawn has ended
}

// bootTimeout is for the boot, which takes half a second on an idle machine;
// haltTimeout for the orderly way down, which takes a second and a half.
const (
	bootTimeout = 60 * time.Second
	haltTimeout = 30 * time.Second
)

// bootContainer boots a container from the layers, the topmost first, and
// returns when its systemd has finished starting.
func bootContainer(ctx context.Context, cache string, layers ...string) (c *container, err error) {
	c = new(container)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.halt())
		}
	}()
	if c.overlay, err = newOverlay(cache); err != nil {
		return c, err
	}
	name := filepath.Base(c.overlay.dir)
	if c.cgroup, err = newCgroup(name); err != nil {
		return c, err
	}
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.overlay.notify(), Net: "unixgram"})
	if err != nil {
		return c, fmt.Errorf("listen for the container's readiness: %w", err)
	}
	defer ready.Close()
	if err := c.spawn(name, layers); err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	c.leader, err = c.awaitReady(ctx, ready)
	return c, err
}

// spawn starts systemd-nspawn in a mount namespace of its own, which takes the
// overlay's mount along when it ends.
func (c *container) spawn(name string, layers []string) error {
	console, err := os.Create(filepath.Join(c.overlay.dir, "console"))
	if err != nil {
		return fmt.Errorf("create console: %w", err)
	}
	c.console = console
	args := append(c.cgroup.wrapper(), "unshare", "--mount", "--propagation", "private", "sh", "-ec",
		`mount -t overlay overlay -o "$1" "$2"; shift 2; exec "$@"`,
		"sh", c.overlay.options(layers...), c.overlay.root(),
		"systemd-nspawn", "--quiet", "--boot", "--directory="+c.overlay.root(), "--machine="+name,
		"--register=no", "--keep-unit", "--notify-ready=yes", "--console=pipe",
		// BPF needs the two calls and, for the agent's service, CAP_BPF and
		// CAP_PERFMON in the bounding set.
		"--capability=all", "--system-call-filter=bpf perf_event_open",
		"--private-network", "--bind=/dev/fuse")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "NOTIFY_SOCKET="+c.overlay.notify())
	// A test run that is killed takes its containers along: SIGTERM makes
	// nspawn power the container off.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setsid: true}
	c.cgroup.place(cmd.SysProcAttr)
	c.exited, err = startAndWait(cmd)
	if err != nil {
		return fmt.Errorf("start systemd-nspawn: %w", err)
	}
	c.nspawn = cmd.Process
	return nil
}

// startAndWait starts cmd and gives a channel for its end. Pdeathsig is sent at
// the end of the thread that has started the process, so that one thread waits.
func startAndWait(cmd *exec.Cmd) (<-chan error, error) {
	started, exited := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exited <- cmd.Wait()
		}
	}()
	return exited, <-started
}

// awaitReady reads nspawn's notifications until systemd in the container has
// finished starting, and gives the pid of that systemd.
func (c *container) awaitReady(ctx context.Context, socket *net.UnixConn) (leader int, err error) {
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	booted := make(chan error, 1)
	go func() { booted <- readNotifications(socket, &leader) }()
	select {
	case err = <-booted:
	case err = <-c.exited:
		c.nspawn = nil
		err = fmt.Errorf("systemd-nspawn ended: %v", err)
		socket.Close()
		<-booted
	}
	if err != nil {
		output, _ := os.ReadFile(c.console.Name())
		return 0, fmt.Errorf("boot container: %w\n%s", errors.Join(err, context.Cause(ctx)), output)
	}
	return leader, nil
}

// readNotifications returns when nspawn has said that the container is ready
// and what the pid of its leader is.
func readNotifications(socket io.Reader, leader *int) error {
	buf := make([]byte, 4096)
	for ready := false; !ready || *leader == 0; {
		n, err := socket.Read(buf)
		if err != nil {
			return fmt.Errorf("read notification: %w", err)
		}
		for line := range strings.Lines(string(buf[:n])) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key { // see sd_notify(3)
			case "X_NSPAWN_LEADER_PID":
				if *leader, err = strconv.Atoi(value); err != nil {
					return fmt.Errorf("read leader's pid: %w", err)
				}
			case "READY":
				ready = value == "1"
			}
		}
	}
	return nil
}

// command is a command inside the container, in all of its namespaces, as root.
func (c *container) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{
		"--target", strconv.Itoa(c.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"}
	cmd.Cancel = func() error { return killChildren(cmd.Process.Pid) }
	return cmd
}

// killChildren kills what nsenter has started, and lets nsenter reap it and end
// the same way. Killing nsenter itself would leave an orphan to the container's
// systemd, whose shutdown then waits for ten seconds.
func killChildren(pid int) error {
	p := strconv.Itoa(pid)
	text, err := os.ReadFile(filepath.Join("/proc", p, "task", p, "children"))
	if errors.Is(err, os.ErrNotExist) {
		return os.ErrProcessDone
	}
	children := strings.Fields(string(text))
	if err != nil || len(children) == 0 { // it has not started its child yet
		return syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, child := range children {
		n, err := strconv.Atoi(child)
		if err != nil {
			return fmt.Errorf("read children of %d: %w", pid, err)
		}
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill child of nsenter: %w", err)
		}
	}
	return nil
}

// path is where the host sees a file of the container.
func (c *container) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(c.leader), "root", name)
}

// halt powers the container off, kills it if that takes too long, and removes
// what it has left. It may be called on a container that is only half started.
func (c *container) halt() error {
	var errs []error
	if c.nspawn != nil {
		errs = append(errs, c.end())
	}
	if c.console != nil {
		errs = append(errs, c.console.Close())
	}
	if c.cgroup != nil {
		errs = append(errs, c.cgroup.remove())
	}
	if c.overlay != nil {
		errs = append(errs, c.overlay.remove())
	}
	return errors.Join(errs...)
}

func (c *container) end() error {
	if err := c.nspawn.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop container: %w", err)
	}
	select {
	case <-c.exited: // its status is that of the shutdown: of no interest
		return nil
	case <-time.After(haltTimeout):
	}
	err := fmt.Errorf("container did not stop within %v and was killed", haltTimeout)
	if c.leader != 0 {
		err = errors.Join(err, syscall.Kill(c.leader, syscall.SIGKILL))
	}
	err = errors.Join(err, c.nspawn.Kill())
	<-c.exited
	return err
}
