package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent"
)

// What systemd is told (sd_notify(3)), but for the watchdog's pings, which come from
// the agent's loop.

// reloading is an agent that tells systemd when it reads its policy again: then
// "systemctl reload" and whoever else asked see the same.
type reloading struct {
	*agent.Agent
	notify func(string)
}

// Do is the agent's, with Reload announced before and after.
func (r reloading) Do(ctx context.Context, who agent.Caller, cmd agent.Command) error {
	if _, ok := cmd.(agent.Reload); !ok {
		return r.Agent.Do(ctx, who, cmd)
	}
	// Both in one message: systemd orders reloads by the time.
	r.notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=Reading the policy again.", clockNs(unix.CLOCK_MONOTONIC)/1000))
	err := r.Agent.Do(ctx, who, cmd)
	r.notify("READY=1\nSTATUS=" + r.Status().Sentence)
	return err
}

const (
	// What is loaded within this time needs no more of systemd's; TimeoutStartSec= is 90 s.
	extendEach = 5 * time.Second
	extendBy   = 20 * time.Second
	// After it we hang, whatever the reason.
	extendFor = 5 * time.Minute
)

// extendStart asks systemd for more time while the programs are being loaded, which
// takes a second, or a minute on a machine that is emulated or very busy.
func extendStart(ctx context.Context, ready <-chan struct{}, notify func(string), each time.Duration) {
	tick := time.NewTicker(each)
	defer tick.Stop()
	for range extendFor / extendEach {
		select {
		case <-tick.C:
			notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=Loading the programs.", extendBy.Microseconds()))
		case <-ready:
			return
		case <-ctx.Done():
			return
		}
	}
}
