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
	cpuLimit     = 0.002 // of one CPU
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
	// Neighbours of a virtual machine only make it dearer, and nothing tells of them: of a few windows the cheapest counts.
	share, rss := 1.0, int64(0)
	for left := windows; left > 0 && share >= cpuLimit; left-- {
		share = min(share, m.shareIn(t, window))
		rss = m.rssKiB(t)
		t.Logf("idle for %v: %.3f %% of one CPU, RSS %d KiB", window, 100*share, rss)
	}
	if share >= cpuLimit {
		t.Errorf("the service used %.3f %% of one CPU; the limit is %.3f %%", 100*share, 100*cpuLimit)
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

// shareIn is the share of one CPU that the service uses in a time.
func (m *machine) shareIn(t *testing.T, window time.Duration) float64 {
	t.Helper()
	start, used := time.Now(), m.cpuTime(t)
	// Not a wait for something to happen: the measurement itself.
	select {
	case <-time.After(window):
	case <-t.Context().Done():
	}
	return float64(m.cpuTime(t)-used) / float64(time.Since(start))
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
