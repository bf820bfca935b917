package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// lab is what all containers of a test run are made of.
var lab struct {
	cache  string
	layers []string // topmost first
}

// TestMain builds the image, if it is not in the cache, and the package.
//
// There is no silent skip: SYSCOUNT_SYSTEM_TEST=off says that no test of this
// package is wanted; otherwise what is missing is a failure.
func TestMain(m *testing.M) {
	if os.Getenv("SYSCOUNT_SYSTEM_TEST") == "off" {
		fmt.Println("system test: off by SYSCOUNT_SYSTEM_TEST")
		return
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "system test:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	if err := requirements(); err != nil {
		return 1, fmt.Errorf("%w; SYSCOUNT_SYSTEM_TEST=off leaves the system test out", err)
	}
	lab.cache = cacheDir()
	image, err := buildImage(context.Background(), lab.cache)
	if err != nil {
		return 1, err
	}
	if err := removeStale(lab.cache); err != nil {
		return 1, err
	}
	layer, err := newOverlay(lab.cache) // for its lock; only upper is used
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, layer.remove()) }()
	if err := installLayer(context.Background(), layer.upper()); err != nil {
		return 1, err
	}
	lab.layers = []string{layer.upper(), image}
	return m.Run(), nil
}

// requirements says what the machine lacks for the system test.
func requirements() error {
	if os.Geteuid() != 0 {
		return errors.New("booting a container needs root")
	}
	for program, pkg := range map[string]string{
		"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "nsenter": "util-linux", "make": "make",
	} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("no %s on this machine (Debian package %s)", program, pkg)
		}
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fmt.Errorf("no FUSE on this machine (modprobe fuse): %w", err)
	}
	return nil
}
