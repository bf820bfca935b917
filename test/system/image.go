// Package system holds the system test: the package as "make install" installs
// it, on a real systemd, dbus-daemon and journald in a systemd-nspawn container
// of Debian 12 (systemd 252, the oldest that we support).
//
// The image is built once with mmdebstrap and cached; each test boots a
// container of its own on an overlay, which takes about a second. Files: image.go
// makes the image, container.go boots and ends containers, layer.go installs
// the package, machine_test.go is what tests see of all that.
package system

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// recipe is the mmdebstrap command line without its target. The cache is keyed
// by it: another recipe is another image.
var recipe = []string{
	"mmdebstrap",
	"--quiet",
	"--variant=minbase",
	"--include=systemd,systemd-sysv,dbus,polkitd,jq,iproute2,libglib2.0-bin,python3-dbus",
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	"bookworm",
}

// cacheDir is where images and the overlays of running containers live:
// $XDG_CACHE_HOME/syscountd-test, or /var/cache/syscountd-test.
func cacheDir() string {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		base = "/var/cache"
	}
	return filepath.Join(base, "syscountd-test")
}

// imageName is the name in the cache of the image that recipe makes.
func imageName(recipe []string) string {
	sum := sha256.Sum256([]byte(strings.Join(recipe, "\x00")))
	return fmt.Sprintf("image-%x", sum[:8])
}

// buildImage gives the directory of the image, and builds it if the cache dir
// has none. Two test runs at the same time build it once: the second one waits
// for the first one's lock.
func buildImage(ctx context.Context, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create cache directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"), unix.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer lock.Close()

	image := filepath.Join(dir, imageName(recipe))
	if _, err := os.Stat(image); err == nil {
		return image, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("look for image: %w", err)
	}
	// What a build that was interrupted left behind never becomes the image.
	unfinished := image + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", fmt.Errorf("remove unfinished image: %w", err)
	}
	build := exec.CommandContext(ctx, recipe[0], append(recipe[1:], unfinished)...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build image with %q: %w\n%s", build.Args, err, out)
	}
	if err := os.Rename(unfinished, image); err != nil {
		return "", fmt.Errorf("keep image: %w", err)
	}
	return image, nil
}

// lockFile opens and locks a file; closing it, or the end of the process,
// unlocks it. how is unix.LOCK_EX, with unix.LOCK_NB to fail instead of wait.
func lockFile(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = unix.Flock(int(file.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}
