package stress

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// stressors of stress-ng, with twice as many workers as there are CPUs in all,
// and at least one of each. With more the service would mostly wait for a CPU:
// the test is of its books, not of the scheduler. They run as a user without
// rights: none of them can touch what is not its own, be it a clock or another
// one's process.
var stressors = []string{
	// Mixed: some 290 calls in turn, most with good arguments, also rare ones; and
	// those by which processes wait for each other.
	"--syscall", "--futex", "--pipe",

	// Processes and threads that come and go: children and vforked children;
	// threads, alone and killed in their calls by exit_group.
	"--fork", "--vfork", "--pthread", "--exit-group",

	// Programs replaced, also by a thread that is not its process's first one.
	"--exec",

	// Memory: long calls, page faults inside and outside of calls.
	"--vm", "--mmap",

	// Signals: queued, real-time, nested in each other, timers that interrupt calls,
	// calls that only a signal ends, and signals that kill.
	"--sigq", "--sigrt", "--signest", "--itimer", "--sigsuspend", "--sigabrt",
}

// nobody's user and group; the name differs, the number does not.
const nobody = 65534

// stressNG runs the stressors for so long, in a cgroup.
func stressNG(t *testing.T, c *cgroup, window time.Duration) {
	t.Helper()
	path, err := exec.LookPath("stress-ng")
	if err != nil {
		t.Fatal("no stress-ng on this machine (Debian package stress-ng)")
	}
	// Not t.TempDir, whose parent is root's.
	dir, err := os.MkdirTemp("", "syscount-stress-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--temp-path", dir, "--timeout", strconv.Itoa(int(window.Seconds())), "--metrics-brief", "--oomable",
		"--vm-bytes", "16M", "--mmap-bytes", "16M", // of each worker: a large host has hundreds
	}
	workers := strconv.Itoa(max(1, 2*runtime.NumCPU()/len(stressors)))
	for _, stressor := range stressors {
		args = append(args, stressor, workers)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL,
	}
	c.place(cmd)
	if err := cmd.Run(); err != nil {
		t.Errorf("stress-ng: %v", err)
	}
	t.Logf("stress-ng:\n%s", out.String())
}
