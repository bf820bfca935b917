package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// slowSleeps are a rule by which what provoke does is slow, and nothing that the load does.
const slowSleeps = `
[[rule]]
name = "provoked"
syscalls = ["clock_nanosleep"]
threshold = "15ms"
`

// sawWakersFollowed is a slow call of which it is known who ended its wait, or that it was nobody: of the first
// one mode watch says "waker_unseen".
const sawWakersFollowed = `"event":"slow".*"voluntary_switches":[0-9]+\}`

// provoked attaches a tool while there are slow calls, until it has told of them what it is to tell.
func provoked(attach func(context.Context, site) (attachment, error)) func(context.Context, site) (attachment, error) {
	return func(ctx context.Context, at site) (attachment, error) {
		quit, failed := make(chan struct{}), make(chan error, 1)
		go func() { failed <- provoke(quit) }()
		a, err := attach(ctx, at)
		close(quit)
		return a, errors.Join(err, <-failed)
	}
}

// provoke makes slow calls until it is told to quit.
func provoke(quit <-chan struct{}) error {
	nap := unix.NsecToTimespec(int64(30 * time.Millisecond))
	for {
		select {
		case <-quit:
			return nil
		default:
		}
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &nap, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("sleep: %w", err)
		}
	}
}
