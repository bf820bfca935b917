package system

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Tests of the harness itself: a harness that looks at nothing passes everything.

func TestTheMachineIsARealSystem(t *testing.T) {
	m := boot(t)
	if state := m.run(t, "systemctl", "is-system-running", "--wait"); state != "running" {
		t.Errorf("the system is %s:\n%s", state, m.try("systemctl", "--failed").stdout)
	}
	for _, service := range []string{"dbus.service", "systemd-journald.service"} {
		if r := m.try("systemctl", "is-active", service); r.code != 0 {
			t.Errorf("%s is %s", service, r.stdout)
		}
	}
	if first := m.run(t, "cat", "/proc/1/comm"); first != "systemd" {
		t.Errorf("PID 1 is %s", first)
	}
	if r := m.try("sh", "-c", "echo out; echo err >&2; exit 7"); r != (result{"out\n", "err\n", 7}) {
		t.Errorf("a failing command left %+v", r)
	}
}

func TestMachinesDoNotShareWhatTheyWrite(t *testing.T) {
	one, two := boot(t), boot(t)
	one.run(t, "touch", "/etc/written")
	if r := two.try("test", "-e", "/etc/written"); r.code != 1 {
		t.Errorf("the other machine sees it too: %+v", r)
	}
	for _, layer := range lab.layers {
		if _, err := os.Stat(filepath.Join(layer, "etc/written")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was written to: %v", layer, err)
		}
	}
}

func TestHaltLeavesNothing(t *testing.T) {
	c, err := bootContainer(t.Context(), lab.cache, lab.layers...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.halt(); err != nil {
		t.Error(err)
	}
	left := []string{c.overlay.dir, filepath.Dir(c.path("/"))}
	if c.cgroup.dir != "" {
		left = append(left, c.cgroup.dir)
	}
	for _, path := range left {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), c.overlay.dir) {
		t.Errorf("a mount is left:\n%s", mounts)
	}
}

func TestOnlyOverlaysOfDeadRunsAreStale(t *testing.T) {
	cache := t.TempDir()
	used, err := newOverlay(cache)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := newOverlay(cache)
	if err != nil {
		t.Fatal(err)
	}
	dead.lock.Close() // as the end of its process does
	image := filepath.Join(cache, imageName(recipe))
	if err := os.Mkdir(image, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := removeStale(cache); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{used.dir: true, dead.dir: false, image: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: want it there: %v, got %v", dir, want, err)
		}
	}
	if err := used.remove(); err != nil {
		t.Error(err)
	}
}

func TestAnotherRecipeIsAnotherImage(t *testing.T) {
	names := []string{imageName(recipe)}
	for _, other := range [][]string{recipe[1:], append(slices.Clone(recipe), "x"), {strings.Join(recipe, " ")}} {
		name := imageName(other)
		if slices.Contains(names, name) {
			t.Errorf("%q and another recipe share %s", other, name)
		}
		names = append(names, name)
	}
	if imageName(recipe) != names[0] {
		t.Error("the name of an image is not constant")
	}
}

func TestALockIsHeldByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lockFile(path, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path, unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("a second lock: %v", err)
	}
	first.Close()
	second, err := lockFile(path, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		t.Fatalf("after the first one's end: %v", err)
	}
	second.Close()
}
