// Fusemirror shows a directory in another place, by way of FUSE: a file system
// that stalls as long as the program is stopped (SIGSTOP), as a disk or file
// server does that answers no more.
//
//	fusemirror -of DIR -mount DIR
//
// It prints "ready" when the file system answers, and unmounts it on SIGTERM or
// SIGINT. It needs root: it calls mount(2) itself, and gives files to those who make them.
package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/syscountd/syscountd/test/fuserun"
)

func main() { fuserun.Main(run) }

// run serves the file system that args describe until stop has something.
func run(args []string, out io.Writer, stop <-chan os.Signal) error {
	flags := flag.NewFlagSet("fusemirror", flag.ContinueOnError)
	of := flags.String("of", "", "the directory to show")
	dir := flags.String("mount", "", "an empty directory to show it in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *of == "" || *dir == "" {
		return errors.New("say -of DIR and -mount DIR")
	}
	return fuserun.Serve(*dir, func() (*fuse.Server, error) { return mirror(*of, *dir) }, out, stop)
}

// mirror mounts the file system and returns when it answers.
func mirror(of, dir string) (*fuse.Server, error) {
	syscall.Umask(0) // the callers have theirs
	root, err := fs.NewLoopbackRoot(of)
	if err != nil {
		return nil, err
	}
	return fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true,
		AllowOther:        true,
		Options:           []string{"default_permissions"},
		FsName:            of,
		Name:              "fusemirror",
	}})
}
