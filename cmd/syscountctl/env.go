package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/dbusapi"
)

// version is set by the build: -ldflags "-X main.version=...".
var version = "devel"

// env is everything that a command touches.
type env struct {
	stdout, stderr io.Writer
	dial           func(context.Context) (*dbusapi.Client, error)
	interactive    bool // somebody is there, and may be asked for a password
}

func osEnv() env {
	return env{os.Stdout, os.Stderr, dbusapi.Dial, isTerminal(os.Stdin)}
}

// isTerminal: only a terminal has settings of this kind (ioctl_tty(2)).
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// withClient runs do with a connection to the service.
func (e env) withClient(ctx context.Context, do func(*dbusapi.Client) error) error {
	c, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if e.interactive {
		c.AllowInteraction()
	}
	return do(c)
}
