package kernels

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// fetch gives the path, in the cache, of one file out of a package, and gets the
// package if the cache has none of this version.
func (a *apt) fetch(ctx context.Context, cache string, p pkg, wanted func(path string) bool) (string, error) {
	file := filepath.Join(cache, cacheName(p, filepath.Base(a.dir)))
	if _, err := os.Stat(file); err == nil {
		return file, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("look into the cache: %w", err)
	}
	dir, err := os.MkdirTemp(a.dir, "download-")
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	if _, err := a.run(ctx, dir, "apt-get", "--quiet=2", "download", p.name+"="+p.version); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("download %s: want one file, got %q, %v", p.name, debs, err)
	}
	// What was interrupted never gets the name under which it is looked for.
	unfinished := filepath.Join(dir, "file")
	if err := extract(ctx, debs[0], unfinished, wanted); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, file); err != nil {
		return "", fmt.Errorf("keep in the cache: %w", err)
	}
	return file, nil
}

// cacheName is the name in the cache of the file out of a package. The colon of an
// epoch would be one of PATH's.
func cacheName(p pkg, source string) string {
	return source + "_" + p.name + "_" + strings.ReplaceAll(p.version, ":", "%3a")
}

// extract writes one file of a package to target.
func extract(ctx context.Context, deb, target string, wanted func(path string) bool) (err error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("unpack %s: %w", deb, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unpack %s: %w", deb, err)
	}
	err = extractTar(out, target, wanted)
	if err == nil {
		_, err = io.Copy(io.Discard, out) // or dpkg-deb fails to write the rest
	} else {
		cmd.Process.Kill()
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("unpack %s: %w", deb, err)
	}
	return nil
}

// extractTar writes the first regular file that is wanted.
func extractTar(r io.Reader, target string, wanted func(path string) bool) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errors.New("the file wanted is not in the package")
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeReg && wanted(path.Clean("/"+header.Name)) {
			content, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			return os.WriteFile(target, content, 0o644)
		}
	}
}

// isKernel: /boot/vmlinuz-VERSION, or since Linux 7.0 /usr/lib/modules/VERSION/vmlinuz.
func isKernel(file string) bool {
	return strings.HasPrefix(file, "/boot/vmlinuz-") || strings.HasSuffix(file, "/vmlinuz")
}

// isBusybox: /bin/busybox, or where /bin is /usr/bin that.
func isBusybox(file string) bool { return file == "/bin/busybox" || file == "/usr/bin/busybox" }
