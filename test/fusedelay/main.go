// Fusedelay mounts a file system with one file, "slow", on which the chosen
// calls take a known time. It stands in for a slow disk.
//
//	fusedelay -mount DIR -delay 200ms [-ops read,fsync,open]
//
// It prints "ready" when the file system answers, and unmounts it on SIGTERM
// or SIGINT. It needs root: it calls mount(2) itself, no fusermount.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if err := run(os.Args[1:], os.Stdout, stop); err != nil {
		fmt.Fprintln(os.Stderr, "fusedelay:", err)
		os.Exit(1)
	}
}

// run serves the file system that args describe until stop has something.
func run(args []string, out io.Writer, stop <-chan os.Signal) error {
	dir, delays, err := parse(args)
	if err != nil {
		return err
	}
	server, err := mount(dir, delays)
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

func parse(args []string) (dir string, delays delays, err error) {
	flags := flag.NewFlagSet("fusedelay", flag.ContinueOnError)
	flags.StringVar(&dir, "mount", "", "an empty directory")
	delay := flags.Duration("delay", 200*time.Millisecond, "how long each of the calls takes")
	ops := flags.String("ops", "read,fsync,open", "the calls that take it")
	if err := flags.Parse(args); err != nil {
		return "", delays, err
	}
	if dir == "" {
		return "", delays, errors.New("no directory to mount on: say -mount DIR")
	}
	if *delay < 0 {
		return "", delays, fmt.Errorf("delay %v is negative", *delay)
	}
	for op := range strings.SplitSeq(*ops, ",") {
		switch op {
		case "read":
			delays.read = *delay
		case "fsync":
			delays.fsync = *delay
		case "open":
			delays.open = *delay
		default:
			return "", delays, fmt.Errorf("no operation %q: say read, fsync or open", op)
		}
	}
	return dir, delays, nil
}
