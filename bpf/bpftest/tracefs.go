package bpftest

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// NeedTracefs mounts tracefs for as long as the test runs, where it is not mounted:
// other tracers look there for the numbers of tracepoints.
func NeedTracefs(t *testing.T) {
	t.Helper()
	const dir = "/sys/kernel/tracing"
	_, err := os.Stat(dir + "/events/raw_syscalls")
	if err == nil {
		return
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("this test needs root: %v", err)
	}
	if err := unix.Mount("tracefs", dir, "tracefs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		t.Fatalf("this test needs to mount tracefs at %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}
