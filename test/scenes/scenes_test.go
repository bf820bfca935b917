// Package scenes shows what the shipped policy makes of hosts of several kinds,
// with real programs: nothing as long as they are healthy, and an incident with every
// stalled call when their disk stalls. It looks at the whole host and wants it for itself.
//
// Without a word each scene takes some seconds; the long run is
//
//	SYSCOUNT_SCENE=5m go test -count=1 -timeout 60m -v ./test/scenes
package scenes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/test/foreground"
)

const (
	sceneVariable = "SYSCOUNT_SCENE" // how long each scene takes
	sceneDefault  = 5 * time.Second
)

func TestMain(m *testing.M) {
	if os.Getenv(desktopVariable) != "" {
		desktop()
		return
	}
	os.Exit(m.Run())
}

func sceneLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(sceneVariable)
	if text == "" {
		return sceneDefault
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		t.Fatalf("%s=%s is no length of a scene; give one such as 5m", sceneVariable, text)
	}
	return d
}

// shipped is the policy as it is installed.
func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../configs/syscountd.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A healthy host is silent, idle or busy.
func TestHealthyHostIsSilent(t *testing.T) {
	needRoot(t)
	binary, length := foreground.Build(t, "cmd/syscountd"), sceneLength(t)
	for _, scene := range []struct {
		name string
		set  func(*testing.T, *stage) func(time.Duration)
	}{
		{"idle", func(*testing.T, *stage) func(time.Duration) { return time.Sleep }},
		{"database", func(t *testing.T, s *stage) func(time.Duration) {
			return newDatabase(t, s, s.dir()).load
		}},
		{"web-server", webServer},
		{"build", buildHost},
		{"desktop", desktopHost},
	} {
		t.Run(scene.name, func(t *testing.T) {
			play := scene.set(t, &stage{t: t})
			s := foreground.Start(t, binary, shipped(t))
			play(length)
			got := s.Stop()
			if len(got.Slow)+len(got.Stuck)+len(got.Incidents) > 0 {
				t.Errorf("a healthy host is not silent: %s", got)
			}
			calls := uint64(0)
			for _, interval := range got.Intervals {
				if interval.Totals != nil { // mode auto may go down to watch, which counts none
					calls += interval.Count
				}
			}
			t.Logf("%d calls in %v, no record about one", calls, length)
		})
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("these tests load BPF programs, mount and make cgroups: run them as root")
	}
}

// stage is where the programs of a scene run: in a unit's cgroup, with a
// directory on the machine's own disk.
type stage struct {
	t    *testing.T
	unit *bpftest.Cgroup
}

// dir makes a directory that users other than root can get to.
func (s *stage) dir() string {
	s.t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "syscount-scene-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			s.t.Error(err)
		}
	})
	return dir
}

// in is the cgroup of the scene's unit.
func (s *stage) in() *bpftest.Cgroup {
	if s.unit == nil {
		s.unit = bpftest.NewCgroup(s.t, bpftest.CgroupRoot(s.t), fmt.Sprintf("syscount-scene-%d.service", os.Getpid()))
	}
	return s.unit
}

// command is a program in the unit, which does not outlive the test.
func (s *stage) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	group, err := os.Open(s.in().Dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { group.Close() })
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	return cmd
}

// run runs a program of the scene to its end.
func (s *stage) run(cmd *exec.Cmd) {
	s.t.Helper()
	cmd.Stderr = nil
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// serve starts a program that ends with the scene.
func (s *stage) serve(cmd *exec.Cmd, stop os.Signal) {
	s.t.Helper()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { end(cmd, stop) })
}

// end ends a program, if it runs.
func end(cmd *exec.Cmd, stop os.Signal) {
	if cmd.Process != nil && cmd.ProcessState == nil {
		cmd.Process.Signal(stop)
		cmd.Wait()
	}
}

// await waits until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within a minute", what)
		}
	}
}

// firstOf finds a program of which Debian has several versions.
func firstOf(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s (test/install-deps test): %v", pattern, err)
	}
	return found[len(found)-1]
}
