package system

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the service may cost on an idle host.
const (
	rssLimitKiB  = 40 * 1024
	cpuLimit     = 0.004 // of one CPU; 0.002 where what rested for 10 s is not dear to touch again: see docs/decisions.md
	wakeLimit    = 8     // of all its threads in a second; with a sweep each 2 s there were 10 to 30
	idleDefault  = 20 * time.Second
	windows      = 3
	idleVariable = "SYSCOUNT_IDLE" // a longer time, e.g. "10m"
)

func TestAnIdleHostIsLeftAlone(t *testing.T) {
	window := idleDefault
	if text := os.Getenv(idleVariable); text != "" {
		var err error
		if window, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", idleVariable, err)
		}
	}
	m := bootRunning(t, "")
	// Neighbours of a virtual machine only make it dearer, and nothing tells of them: of a few windows the first within both limits counts.
	share, wakes, rss := 1.0, 0.0, int64(0)
	for left := windows; left > 0 && (share >= cpuLimit || wakes >= wakeLimit); left-- {
		start, used, woken := time.Now(), m.cpuTime(t), m.wakeUps(t)
		// Not a wait for something to happen: the measurement itself.
		select {
		case <-time.After(window):
		case <-t.Context().Done():
		}
		elapsed := time.Since(start)
		share, wakes = float64(m.cpuTime(t)-used)/float64(elapsed), float64(m.wakeUps(t)-woken)/elapsed.Seconds()
		rss = m.rssKiB(t)
		t.Logf("idle for %v: %.3f %% of one CPU, %.1f wake-ups a second, RSS %d KiB", window, 100*share, wakes, rss)
	}
	if share >= cpuLimit {
		t.Errorf("the service used %.3f %% of one CPU; the limit is %.3f %%", 100*share, 100*cpuLimit)
	}
	if wakes >= wakeLimit {
		t.Errorf("its threads woke up %.1f times a second; the limit is %d", wakes, wakeLimit)
	}
	if rss >= rssLimitKiB {
		t.Errorf("RSS is %d KiB; the limit is %d", rss, rssLimitKiB)
	}
	entries := m.entries(t)
	if len(entries) == 0 {
		t.Error("the journal has no record at all, not even of the start")
	}
	for _, e := range entries {
		if e.Event == "slow" {
			t.Errorf("slow on an idle host: %s", e.line)
		}
	}
}

// wakeUps are how often a thread of the service has waited and gone on since its start.
func (m *machine) wakeUps(t *testing.T) (sum int64) {
	t.Helper()
	tasks := filepath.Join("/proc", m.property(t, "MainPID"), "task")
	entries, err := os.ReadDir(m.path(tasks))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range entries {
		sum += field(t, m.read(t, filepath.Join(tasks, task.Name(), "status")), "voluntary_ctxt_switches:")
	}
	return sum
}

// cpuTime is what the service's cgroup has used of all CPUs since its start.
func (m *machine) cpuTime(t *testing.T) time.Duration {
	t.Helper()
	path := filepath.Join("/sys/fs/cgroup", m.property(t, "ControlGroup"), "cpu.stat")
	return time.Duration(field(t, m.read(t, path), "usage_usec ")) * time.Microsecond
}

// rssKiB is the resident set of the service.
func (m *machine) rssKiB(t *testing.T) int64 {
	t.Helper()
	return field(t, m.read(t, filepath.Join("/proc", m.property(t, "MainPID"), "status")), "VmRSS:")
}

// field is the number after a key at the start of a line.
func field(t *testing.T, text, key string) int64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			return n
		}
	}
	t.Fatalf("no %q in %q", key, text)
	return 0
}
