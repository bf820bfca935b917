// Package causes shows that the service names the right cause: it runs the real
// binary in the foreground, injects causes whose time is measured by whoever
// injects them, and holds the records against that. Every record is validated
// against the schema.
//
// Without a word it takes less than a minute. The long run is
//
//	SYSCOUNT_CAUSES=200 SYSCOUNT_PATHS=10000 go test -count=1 -timeout 30m -v ./test/causes
//
// The machine may be shared: what others add is time on the run queue, which the
// records themselves tell, and which is subtracted where a duration is judged.
// Nothing is asserted about how fast the service itself is.
package causes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

const (
	causesVariable = "SYSCOUNT_CAUSES" // calls of each cause
	pathsVariable  = "SYSCOUNT_PATHS"  // slow calls on files and sockets

	causesDefault = 5
	pathsDefault  = 500
)

func TestMain(m *testing.M) {
	if isChild() {
		runChild()
		return
	}
	os.Exit(m.Run())
}

// numberOf is the number in an environment variable.
func numberOf(t *testing.T, variable string, byDefault int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number of calls; give one such as 200", variable, text)
	}
	return n
}

// needRoot: a test that passes because it could not look is worse than none.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("these tests load BPF programs, mount and make cgroups: run them as root")
	}
}

// monoNow is the clock of the records' monotonic times.
func monoNow() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return uint64(ts.Nano())
}

// patience is for what happens at once on a machine that is not busy.
const patience = time.Minute

// await waits until it is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v", what, patience)
		}
	}
}

// tempDir has no symbolic links in its path.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// host is the slice of a test: a cgroup for the units that it pretends to have.
type host struct {
	t     testing.TB
	slice *bpftest.Cgroup
}

func newHost(t testing.TB) *host {
	t.Helper()
	name := strings.NewReplacer("/", "", "_", "", "-", "").Replace(strings.ToLower(t.Name()[len("Test"):]))
	h := &host{t: t, slice: bpftest.NewCgroup(t, bpftest.CgroupRoot(t), fmt.Sprintf("syscount%s%d.slice", name, os.Getpid()))}
	t.Cleanup(func() { h.kill() })
	return h
}

// kill ends what is left in the slice.
func (h *host) kill() {
	os.WriteFile(filepath.Join(h.slice.Dir, "cgroup.kill"), []byte("1"), 0)
	units, _ := filepath.Glob(filepath.Join(h.slice.Dir, "*/"))
	for _, unit := range units {
		for range 1000 {
			if err := os.Remove(unit); err == nil || os.IsNotExist(err) || !strings.Contains(unit, ".service") {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// unit makes the cgroup of a unit.
func (h *host) unit(name string) string {
	h.t.Helper()
	dir := filepath.Join(h.slice.Dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	return dir
}
