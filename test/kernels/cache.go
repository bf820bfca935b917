package kernels

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// cacheDir is where kernels and lists of packages live:
// $XDG_CACHE_HOME/syscountd-test/kernels, or that below /var/cache.
func cacheDir() string {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		base = "/var/cache"
	}
	return filepath.Join(base, "syscountd-test", "kernels")
}

// images are paths in the cache: kernels by kernel.name(), busyboxes by
// architecture.
type images struct {
	kernels, busyboxes map[string]string
}

// fetchAll fetches what the matrix needs, in its newest versions, and removes
// what other versions have left in the cache. Two test runs at the same time do
// it one after the other.
func fetchAll(ctx context.Context, cache string, matrix []kernel) (_ images, err error) {
	got := images{map[string]string{}, map[string]string{}}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return got, fmt.Errorf("create cache directory: %w", err)
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return got, err
	}
	defer unlock()
	mirror, err := hostMirror(ctx)
	if err != nil {
		return got, err
	}
	var used []string
	for _, k := range matrix {
		a, err := newApt(ctx, filepath.Join(cache, k.name()), mirror, k.suite, k.arch.debian)
		if err != nil {
			return got, fmt.Errorf("set up apt for %s: %w", k.name(), err)
		}
		if got.kernels[k.name()], err = a.fetchKernel(ctx, cache, k.arch); err != nil {
			return got, fmt.Errorf("fetch the kernel of %s: %w", k.name(), err)
		}
		used = append(used, got.kernels[k.name()])
		if k.suite != busyboxSuite {
			continue
		}
		if got.busyboxes[k.arch.debian], err = a.fetchBusybox(ctx, cache); err != nil {
			return got, fmt.Errorf("fetch busybox for %s: %w", k.arch.debian, err)
		}
		used = append(used, got.busyboxes[k.arch.debian])
	}
	return got, removeStale(cache, used)
}

func (a *apt) fetchKernel(ctx context.Context, cache string, to arch) (string, error) {
	p, err := a.kernelImage(ctx, "linux-image-cloud-"+to.debian)
	if err != nil {
		return "", err
	}
	return a.fetch(ctx, cache, p, isKernel)
}

func (a *apt) fetchBusybox(ctx context.Context, cache string) (string, error) {
	p, err := a.show(ctx, "busybox-static")
	if err != nil {
		return "", err
	}
	return a.fetch(ctx, cache, p, isBusybox)
}

// removeStale removes from the cache the files out of packages that are not used.
func removeStale(cache string, used []string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return fmt.Errorf("clean up the cache: %w", err)
	}
	for _, e := range entries {
		file := filepath.Join(cache, e.Name())
		if e.Type().IsRegular() && strings.Contains(e.Name(), "_") && !slices.Contains(used, file) {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("clean up the cache: %w", err)
			}
		}
	}
	return nil
}

// lock takes a lock that other processes wait for; the end of the process frees
// it too.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return func() { file.Close() }, nil
}
