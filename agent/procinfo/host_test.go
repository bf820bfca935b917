package procinfo

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// start runs a program until the test ends.
func start(t *testing.T, path string, args ...string) int {
	t.Helper()
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// A real process whose name looks like the fields that follow it.
func TestAProcessWithAHostileName(t *testing.T) {
	const name = "a) R 1 1\n(\x1b\xff" // 15 bytes at most become the comm
	path := filepath.Join(t.TempDir(), name)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, sleep, path)
	pid := start(t, path, "1000")
	got := NewProcfs("/proc", false).Lookup(pid, 0)
	if got.Comm != name || got.ExecutableName() != name || got.ParentPID != uint32(os.Getpid()) {
		t.Errorf("got %+v", got)
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := ParseStat(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := NewProcfs("/proc", false).Lookup(pid, stat.StartTicks); !again.Found {
		t.Error("not found by its own start time")
	}
	if other := NewProcfs("/proc", false).Lookup(pid, stat.StartTicks+1); other.Found {
		t.Errorf("another start time found %+v", other)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// Every process of this host can be looked up and placed, by several at once.
func TestEveryProcessOfThisHost(t *testing.T) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	p := NewProcfs("/proc", true)
	tree, err := NewCgroupTree("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for _, e := range entries {
				pid, err := strconv.Atoi(e.Name())
				if err != nil {
					continue
				}
				info := p.Lookup(pid, 0)
				if pid == os.Getpid() && (!info.Found || info.Cgroup == "") { // others may be gone
					t.Errorf("pid %d: %+v", pid, info)
				}
				Unit(info.Cgroup)
				if n, err := tree.ID(info.Cgroup); err == nil {
					tree.Path(n, time.Duration(pid)*time.Second)
				}
			}
		})
	}
	wg.Wait()
}
