package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/dbusapi"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// saidAfter waits until systemd was told something that begins so, and gives all that
// it was told by then.
func (s *service) saidAfter(prefix string) []string {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		told := slices.Clone(s.told)
		s.mu.Unlock()
		if slices.ContainsFunc(told, func(state string) bool { return strings.HasPrefix(state, prefix) }) {
			return told
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("systemd was not told %q, but %q", prefix, told)
		}
	}
}

func TestAReloadIsAnnouncedAndItsEndToo(t *testing.T) {
	bus := dbustest.Start(t)
	file := policyFile(t, "[collect]\ninterval = \"1h\"\n")
	s := start(t, bus.Address, "--output", "stdout", "--config", file)
	s.next(event("state"))
	<-s.ready
	client, err := dbusapi.DialAddress(t.Context(), bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s.mu.Lock()
	s.told = nil
	s.mu.Unlock()
	if err := client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := s.saidAfter("READY=1\nSTATUS=Observing")
	if !strings.HasPrefix(told[0], "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("systemd was told %q", told)
	}
	s.cancel()
	s.next(func(r map[string]any) bool { return r["change"] == "stopped" })
	<-s.ended
}

// Tracing is what we are for; the bus may come later.
func TestABusThatIsAbsentDoesNotKeepUsFromBeingReady(t *testing.T) {
	bus := dbustest.Start(t)
	bus.Stop()
	file := policyFile(t, "[collect]\ninterval = \"1h\"\n")
	s := start(t, bus.Address, "--output", "stdout", "--config", file)
	s.next(func(r map[string]any) bool {
		return r["event"] == "log" && strings.Contains(r["msg"].(string), "there is no bus")
	})
	s.saidAfter("READY=1")
	bus.Restart()
	var client *dbusapi.Client
	for { // it takes the name within a few seconds; dialling is the only way to know
		var err error
		if client, err = dbusapi.DialAddress(t.Context(), bus.Address); err != nil {
			t.Fatal(err)
		}
		_, err = client.Status(t.Context())
		client.Close()
		if err == nil {
			break
		}
	}
	s.cancel()
	s.next(func(r map[string]any) bool { return r["change"] == "stopped" })
	<-s.ended
}

func TestASlowStartAsksForMoreTime(t *testing.T) {
	ready := make(chan struct{})
	var told []string
	extendStart(t.Context(), ready, func(state string) {
		if told = append(told, state); len(told) == 3 {
			close(ready)
		}
	}, time.Millisecond)
	if len(told) < 3 || !strings.HasPrefix(told[0], "EXTEND_TIMEOUT_USEC=20000000\nSTATUS=") {
		t.Errorf("systemd was told %q", told)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	extendStart(ctx, make(chan struct{}), func(string) { t.Error("asked after the end") }, time.Hour)
}
