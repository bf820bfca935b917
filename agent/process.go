package agent

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is one that a filter names, held by a pidfd of our own, so that a reused
// PID can never match.
type process struct {
	pid    uint32
	pidfd  int
	file   *os.File // of pidfd, in the poller of Go's runtime
	exited bool     // its end was reported

	offspring bool // of a process of the filter, not one itself
}

// maxPID is the kernel's PID_MAX_LIMIT (include/linux/threads.h).
const maxPID = 1 << 22

// hold holds a process by its PID. A thread that is not its leader is no process.
func hold(pid uint32) (*process, error) {
	if pid == 0 || pid > maxPID {
		return nil, refuse(ErrInvalid, "pid %d is no process; give a PID from 1 to %d", pid, maxPID)
	}
	fd, err := unix.PidfdOpen(int(pid), unix.PIDFD_NONBLOCK) // for the poller
	switch {
	case err == nil:
		return &process{pid: pid, pidfd: fd, file: os.NewFile(uintptr(fd), "pidfd")}, nil
	case errors.Is(err, unix.ESRCH):
		return nil, refuse(ErrNoSuchProcess, "there is no process with pid %d", pid)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return nil, refuse(ErrInvalid, "%d is a thread; give the pid of its process", pid)
	}
	return nil, fmt.Errorf("open process %d: %w", pid, err)
}

// holdAll holds all of these, or none.
func holdAll(pids []uint32) (processes []*process, err error) {
	for _, pid := range pids {
		p, err := hold(pid)
		if err != nil {
			closeAll(processes)
			return nil, err
		}
		processes = append(processes, p)
	}
	return processes, nil
}

func closeAll(processes []*process) {
	for _, p := range processes {
		p.file.Close()
	}
}

// holdSame holds the process of somebody else's pidfd by one of our own: making
// theirs wait for the poller would change it for them too. The PID cannot have been
// reused in between, since the process is alive afterwards.
func holdSame(pidfd int) (*process, error) {
	pid, err := pidOf(pidfd)
	if err != nil {
		return nil, err
	}
	p, err := hold(pid)
	if err != nil {
		return nil, err
	}
	if hasExited(pidfd) {
		p.file.Close()
		return nil, refuse(ErrNoSuchProcess, "the process of the descriptor, pid %d, has ended", pid)
	}
	return p, nil
}

// pidOf is the PID, in our own PID namespace, of a pidfd's process (pidfd_open(2),
// proc(5): fdinfo).
func pidOf(pidfd int) (uint32, error) {
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return 0, fmt.Errorf("read what the descriptor is: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		value, found := strings.CutPrefix(line, "Pid:")
		if !found {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(value))
		switch {
		case err != nil:
			return 0, fmt.Errorf("read the pid of a pidfd: %w", err)
		case pid < 0:
			return 0, refuse(ErrNoSuchProcess, "the process of the descriptor has ended")
		case pid == 0:
			return 0, refuse(ErrNoSuchProcess, "the process of the descriptor is in no PID namespace of ours")
		}
		return uint32(pid), nil
	}
	return 0, refuse(ErrInvalid, "the descriptor is no pidfd; give one of pidfd_open(2) or clone(2)")
}

// waitExit is true when the process has ended, and false when it was let go.
func (p *process) waitExit() bool {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return false // closed already
	}
	return raw.Read(func(fd uintptr) bool { return hasExited(int(fd)) }) == nil
}

// hasExited: a pidfd becomes readable when its process ends (pidfd_open(2)).
func hasExited(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1
}
