package causes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/test/foreground"
)

// fuse is a file system whose calls take a known time, or none until it is
// suspended.
type fuse struct {
	cmd  *exec.Cmd
	file string
}

func mountFuse(t testing.TB, binary string, delay time.Duration, ops string) *fuse {
	t.Helper()
	dir, err := os.MkdirTemp(tempDir(t), "fuse")
	if err != nil {
		t.Fatal(err)
	}
	f := &fuse{cmd: exec.Command(binary, "-mount", dir, "-delay", delay.String(), "-ops", ops), file: filepath.Join(dir, "slow")}
	t.Cleanup(f.unmount)
	foreground.Ready(t, f.cmd)
	return f
}

// suspend returns when none of its threads runs any more.
func (f *fuse) suspend(t testing.TB) {
	f.cmd.Process.Signal(syscall.SIGSTOP)
	tasks := fmt.Sprintf("/proc/%d/task/", f.cmd.Process.Pid)
	await(t, "suspended file system", func() bool {
		threads, err := os.ReadDir(tasks)
		return err == nil && !slices.ContainsFunc(threads, func(d os.DirEntry) bool {
			stat, err := os.ReadFile(tasks + d.Name() + "/stat")
			return err != nil || stat[strings.LastIndexByte(string(stat), ')')+2] != 'T'
		})
	})
}

func (f *fuse) resume() { f.cmd.Process.Signal(syscall.SIGCONT) }

// unmount: again is harmless.
func (f *fuse) unmount() {
	if f.cmd.Process == nil || f.cmd.ProcessState != nil {
		return
	}
	f.resume()
	f.cmd.Process.Signal(syscall.SIGTERM)
	f.cmd.Wait()
	unix.Unmount(filepath.Dir(f.file), unix.MNT_DETACH)
}
