package bpftest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Cgroup is a cgroup that a test made.
type Cgroup struct {
	t   testing.TB
	Dir string // below the mount point
}

// CgroupRoot is where the cgroup v2 hierarchy is mounted, alone or beside v1.
func CgroupRoot(t testing.TB) string {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir
		}
	}
	t.Fatal("no cgroup v2 hierarchy at /sys/fs/cgroup or /sys/fs/cgroup/unified")
	return ""
}

// NewCgroup makes one below the root or below another; it goes with the test.
func NewCgroup(t testing.TB, parent, name string) *Cgroup {
	t.Helper()
	c := &Cgroup{t: t, Dir: filepath.Join(parent, name)}
	c.shell("mkdir '" + c.Dir + "'")
	t.Cleanup(func() { exec.Command("rmdir", c.Dir).Run() })
	return c
}

// Add moves a process into the cgroup.
func (c *Cgroup) Add(pid int) {
	c.t.Helper()
	c.shell(fmt.Sprintf("echo %d > '%s/cgroup.procs'", pid, c.Dir))
}

// ID is the kernel's id of the cgroup: the inode number of its directory.
func (c *Cgroup) ID() uint64 {
	c.t.Helper()
	info, err := os.Stat(c.Dir)
	if err != nil {
		c.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// Path is the cgroup's path as records have it.
func (c *Cgroup) Path() string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(c.Dir, CgroupRoot(c.t)), "/")
}

// Remove removes the cgroup, whose processes have to be gone.
func (c *Cgroup) Remove() {
	c.t.Helper()
	c.shell("rmdir '" + c.Dir + "'")
}

// shell has all of root's capabilities, which the test itself has dropped.
func (c *Cgroup) shell(command string) {
	c.t.Helper()
	if out, err := exec.Command("/bin/sh", "-c", command).CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v: %s", command, err, out)
	}
}
