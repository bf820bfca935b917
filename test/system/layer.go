package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// repository is the top directory, seen from that of this package, where go
// test runs.
const repository = "../.."

// installLayer builds the package and installs it into dir, as "make install"
// does it, together with the two programs that the tests need: a file system
// layer to put on top of the image.
func installLayer(ctx context.Context, dir string) error {
	// The layer's mode is that of the container's root directory.
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("prepare layer: %w", err)
	}
	tools := filepath.Join(dir, "usr/local/bin") + "/"
	for _, args := range [][]string{
		{"make", "build"},
		{"make", "install", "DESTDIR=" + dir},
		{"go", "build", "-buildvcs=false", "-o", tools, "./test/workload", "./test/fusedelay"},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%q: %w\n%s", args, err, out)
		}
	}
	return nil
}
