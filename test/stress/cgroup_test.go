package stress

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// cgroup holds all processes of a load, so that none of them outlives the test.
type cgroup struct {
	*bpftest.Cgroup
	t    *testing.T
	file *os.File
}

func newCgroup(t *testing.T, load string) *cgroup {
	t.Helper()
	name := fmt.Sprintf("syscount-%s-%d.scope", load, os.Getpid())
	c := &cgroup{Cgroup: bpftest.NewCgroup(t, bpftest.CgroupRoot(t), name), t: t}
	file, err := os.Open(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	c.file = file
	t.Cleanup(func() {
		c.file.Close()
		c.kill()
	})
	return c
}

// place makes a command start in the cgroup.
func (c *cgroup) place(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(c.file.Fd())
}

// kill ends what is left in the cgroup, and waits until it is gone: only then
// the cgroup can be removed.
func (c *cgroup) kill() {
	if err := os.WriteFile(filepath.Join(c.Dir, "cgroup.kill"), []byte("1"), 0); err != nil {
		c.t.Errorf("end what is left of the load: %v", err)
		return
	}
	for deadline := time.Now().Add(time.Minute); c.populated(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Errorf("processes of the load in %s cannot be killed", c.Dir)
			return
		}
	}
}

func (c *cgroup) populated() bool {
	events, err := os.ReadFile(filepath.Join(c.Dir, "cgroup.events"))
	n, _ := fieldOf(events, "populated ")
	return err == nil && n != "0"
}
