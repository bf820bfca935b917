package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// cgroup is where a container lives. nspawn makes its payload's cgroup below
// its own, so that two containers need two.
//
// On a host with systemd that is a delegated scope: the tree belongs to systemd.
// Without systemd (a CI machine whose PID 1 is something small) we make it.
type cgroup struct {
	dir   string   // "" on a host with systemd
	file  *os.File // dir, opened
	scope string   // "" on a host without
}

// cgroupMounts is where cgroup v2 can be.
var cgroupMounts = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}

// newCgroup makes the cgroup of the container with that name.
func newCgroup(container string) (*cgroup, error) {
	name := cgroupPrefix + container
	if _, err := os.Stat("/run/systemd/system"); err == nil { // see sd_booted(3)
		return &cgroup{scope: name}, nil
	}
	mount, err := cgroupMount()
	if err != nil {
		return nil, err
	}
	c := &cgroup{dir: filepath.Join(mount, name)}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("create cgroup: %w", err)
	}
	if c.file, err = os.Open(c.dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open cgroup: %w", err), os.Remove(c.dir))
	}
	return c, nil
}

const cgroupPrefix = "syscountd-test-"

// cgroupMount gives the first of cgroupMounts that is one.
func cgroupMount() (string, error) {
	for _, dir := range cgroupMounts {
		var stat unix.Statfs_t
		if err := unix.Statfs(dir, &stat); err == nil && stat.Type == unix.CGROUP2_SUPER_MAGIC {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no cgroup v2 mounted on any of %q", cgroupMounts)
}

// removeStaleCgroup removes the cgroup of a container whose test run was killed.
func removeStaleCgroup(container string) error {
	for _, mount := range cgroupMounts {
		dir := filepath.Join(mount, cgroupPrefix+container)
		if _, err := os.Stat(dir); err == nil {
			return removeTree(dir)
		}
	}
	return nil
}

// wrapper is the start of a command line that runs the rest of it in the scope.
func (c *cgroup) wrapper() []string {
	if c.scope == "" {
		return nil
	}
	return []string{"systemd-run", "--quiet", "--scope", "--collect", "--unit=" + c.scope, "--property=Delegate=yes", "--"}
}

// place makes a process start in the cgroup.
func (c *cgroup) place(attr *syscall.SysProcAttr) {
	if c.file != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(c.file.Fd())
	}
}

// remove removes the cgroup. A scope goes with its last process.
func (c *cgroup) remove() error {
	if c.file == nil {
		return nil
	}
	return errors.Join(c.file.Close(), removeTree(c.dir))
}

// removeTree removes a cgroup and what nspawn made below it.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	errs := []error{err}
	for _, dir := range slices.Backward(dirs) { // children before parents
		errs = append(errs, os.Remove(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}
