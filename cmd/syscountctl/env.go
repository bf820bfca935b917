package main

import (
	"context"
	"io"
	"os"

	"github.com/syscountd/syscountd/dbusapi"
)

// version is set by the build: -ldflags "-X main.version=...".
var version = "devel"

// env is everything that a command touches.
type env struct {
	stdout, stderr io.Writer
	dial           func(context.Context) (*dbusapi.Client, error)
}

func osEnv() env { return env{os.Stdout, os.Stderr, dbusapi.Dial} }

// withClient runs do with a connection to the service.
func (e env) withClient(ctx context.Context, do func(*dbusapi.Client) error) error {
	c, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}
