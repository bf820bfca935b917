// Package fuserun is what the file systems of the tests have in common: they say
// when they answer, and are there until they are told to end.
package fuserun

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Main runs a program until SIGTERM or SIGINT, and ends it with its error.
func Main(run func(args []string, out io.Writer, stop <-chan os.Signal) error) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if err := run(os.Args[1:], os.Stdout, stop); err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		os.Exit(1)
	}
}

// Serve mounts a file system on dir, prints "ready", and unmounts it when stop has
// something.
func Serve(dir string, mount func() (*fuse.Server, error), out io.Writer, stop <-chan os.Signal) error {
	server, err := mount()
	if err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return errors.Join(fmt.Errorf("print ready line: %w", err), server.Unmount())
	}
	<-stop
	if err := server.Unmount(); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}
