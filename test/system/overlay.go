package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// overlay is the directories of one container: what it writes goes to upper,
// so that the image stays as it is.
type overlay struct {
	dir  string   // holds the others
	lock *os.File // held while the overlay is in use
}

const overlayPrefix = "run-"

// newOverlay makes empty directories for a container below the cache dir.
func newOverlay(cache string) (*overlay, error) {
	dir, err := os.MkdirTemp(cache, overlayPrefix)
	if err != nil {
		return nil, fmt.Errorf("create overlay: %w", err)
	}
	o := &overlay{dir: dir}
	if o.lock, err = lockFile(filepath.Join(dir, "lock"), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for _, dir := range []string{o.upper(), o.work(), o.root()} {
		// Upper's mode is that of the container's root directory.
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("create overlay: %w", err), o.remove())
		}
	}
	return o, nil
}

func (o *overlay) upper() string  { return filepath.Join(o.dir, "upper") }
func (o *overlay) work() string   { return filepath.Join(o.dir, "work") }
func (o *overlay) root() string   { return filepath.Join(o.dir, "root") }
func (o *overlay) notify() string { return filepath.Join(o.dir, "notify") }

// options are those of mount(8) for these directories on top of lower layers,
// the topmost first.
func (o *overlay) options(lower ...string) string {
	layers := ""
	for i, dir := range lower {
		if i > 0 {
			layers += ":"
		}
		layers += dir
	}
	return fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", layers, o.upper(), o.work())
}

// remove deletes the directories.
func (o *overlay) remove() error {
	err := os.RemoveAll(o.dir)
	return errors.Join(err, o.lock.Close())
}

// removeStale deletes the overlays in the cache dir whose test run was killed
// (nobody holds their lock), and the cgroups of their containers.
func removeStale(cache string) error {
	dirs, err := filepath.Glob(filepath.Join(cache, overlayPrefix+"*"))
	if err != nil {
		return fmt.Errorf("look for stale overlays: %w", err)
	}
	var errs []error
	for _, dir := range dirs {
		lock, err := lockFile(filepath.Join(dir, "lock"), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
			continue // in use, or just removed by its owner
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, removeStaleCgroup(filepath.Base(dir)), os.RemoveAll(dir), lock.Close())
	}
	return errors.Join(errs...)
}
