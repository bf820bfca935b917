package agent

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// targets are what a filter names, resolved: processes held by pidfd, so that
// a reused PID can never match.
type targets struct {
	filter bpf.Filter
	pids   []uint32 // of filter.PIDFDs, same order; 0: has exited and was reported
}

func (t *targets) close() {
	for _, fd := range t.filter.PIDFDs {
		_ = unix.Close(fd)
	}
}

// maxPID is the kernel's PID_MAX_LIMIT (include/linux/threads.h).
const maxPID = 1 << 22

// maxTargets bounds each list of a filter.
const maxTargets = 128

// resolve checks a filter and opens what it names.
func (a *Agent) resolve(f Filter) (_ *targets, err error) {
	t := &targets{}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	for _, list := range []struct {
		name string
		n    int
	}{{"pids", len(f.PIDs)}, {"units", len(f.Units)}, {"cgroups", len(f.Cgroups)}} {
		if list.n > maxTargets {
			return nil, refuse(ErrInvalid, "%s: %d entries; at most %d are allowed", list.name, list.n, maxTargets)
		}
	}
	if _, err := syscalls.Expand(f.Syscalls); err != nil {
		return nil, refuse(ErrInvalid, "%v", err)
	}
	for _, unit := range f.Units {
		if err := checkUnit(unit); err != nil {
			return nil, err
		}
		// systemd puts "_" before names that a cgroup file could have (CGROUP_DELEGATION.md).
		t.filter.CgroupNames = append(t.filter.CgroupNames, unit, "_"+unit)
	}
	for _, path := range f.Cgroups {
		id, err := a.cgroupID(path)
		if err != nil {
			return nil, err
		}
		t.filter.CgroupIDs = append(t.filter.CgroupIDs, id)
	}
	for _, pid := range f.PIDs {
		fd, err := openProcess(pid)
		if err != nil {
			return nil, err
		}
		t.filter.PIDFDs = append(t.filter.PIDFDs, fd)
		t.pids = append(t.pids, pid)
	}
	return t, nil
}

// openProcess holds a process. A thread that is not its leader is no process.
func openProcess(pid uint32) (int, error) {
	if pid == 0 || pid > maxPID {
		return -1, refuse(ErrInvalid, "pid %d is no process; give a PID from 1 to %d", pid, maxPID)
	}
	fd, err := unix.PidfdOpen(int(pid), 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ESRCH):
		return -1, refuse(ErrNoSuchProcess, "there is no process with pid %d", pid)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return -1, refuse(ErrInvalid, "%d is a thread; give the pid of its process", pid)
	}
	return -1, fmt.Errorf("open process %d: %w", pid, err)
}

// unitName is systemd's rule (systemd.unit(5)): at most 255 bytes, and the type as suffix.
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(service|scope|slice|socket|mount|swap)$`)

func checkUnit(unit string) error {
	if len(unit) > 255 || !unitName.MatchString(unit) {
		return refuse(ErrInvalid, "%.60q is no name of a unit with processes; give one such as \"nginx.service\", "+
			"ending in .service, .scope, .slice, .socket, .mount or .swap", unit)
	}
	return nil
}

func (a *Agent) cgroupID(path string) (uint64, error) {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "\x00") || len(path) > 4096 {
		return 0, refuse(ErrInvalid, "%.60q is no cgroup; give a path below the cgroup v2 mount such as \"/system.slice\"", path)
	}
	if a.env.Groups == nil {
		return 0, refuse(ErrNoSuchUnit, "there is no cgroup %.200q: no cgroup v2 hierarchy is mounted", path)
	}
	id, err := a.env.Groups.ID(path)
	if err != nil {
		return 0, refuse(ErrNoSuchUnit, "there is no cgroup %.200q: %v", path, err)
	}
	return id, nil
}

// watchTargets reports targets that have exited, once each.
func (a *Agent) watchTargets() {
	for i, fd := range a.targets.filter.PIDFDs {
		if a.targets.pids[i] == 0 || !hasExited(fd) {
			continue
		}
		a.state(record.ChangeTargetExited, nil, fmt.Sprintf("process %d", a.targets.pids[i]))
		a.targets.pids[i] = 0
	}
}

// hasExited: a pidfd becomes readable when its process ends (pidfd_open(2)).
func hasExited(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1
}

func recordFilter(f Filter) *record.Filter {
	if f.IsZero() {
		return nil
	}
	return &record.Filter{PIDs: f.PIDs, Units: f.Units, Cgroups: f.Cgroups, Syscalls: f.Syscalls}
}
