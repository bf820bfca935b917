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
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/syscountd/syscountd/test/fuserun"
)

func main() { fuserun.Main(run) }

// run serves the file system that args describe until stop has something.
func run(args []string, out io.Writer, stop <-chan os.Signal) error {
	dir, delays, err := parse(args)
	if err != nil {
		return err
	}
	return fuserun.Serve(dir, func() (*fuse.Server, error) { return mount(dir, delays) }, out, stop)
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
