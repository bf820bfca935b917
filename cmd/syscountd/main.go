// Command syscountd is the service: the flight recorder for slow system calls.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the Makefile (-ldflags -X main.version=...).
var version = "unreleased"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, hostEnv(), os.Args[1:]))
}
