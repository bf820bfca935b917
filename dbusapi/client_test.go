package dbusapi

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

func TestClientMethodsReachTheAgent(t *testing.T) {
	r := newRig(t)
	c := r.client(t)
	ctx := t.Context()
	f := agent.Filter{PIDs: []uint32{1}, Units: []string{"a.service"}, Cgroups: []string{"/x"}, Syscalls: []string{"@sync"},
		UIDs: []uint32{0}, Comms: []string{"a"}, ExcludeUnits: []string{"b.service"}, ExcludeComms: []string{"b"}, Failed: true,
		Errnos: []string{"EIO"}, Children: true, OnExit: agent.OnExitClear}
	for _, s := range []struct {
		do   func() error
		want agent.Command
	}{
		{func() error { return c.Start(ctx) }, agent.Start{}},
		{func() error { return c.Stop(ctx) }, agent.Stop{}},
		{func() error { return c.FilterPID(ctx, 7) }, agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{7}}}},
		{func() error { return c.FilterUnit(ctx, "a.service") }, agent.SetFilter{Filter: agent.Filter{Units: []string{"a.service"}}}},
		{func() error { return c.SetFilter(ctx, f) }, agent.SetFilter{Filter: f}},
		{func() error { return c.ClearFilter(ctx) }, agent.SetFilter{}},
		{func() error { return c.FilterSyscalls(ctx, []string{"@sync"}) }, agent.FilterSyscalls{Syscalls: []string{"@sync"}}},
		{func() error { return c.SetMode(ctx, "count") }, agent.SetMode{Mode: "count"}},
		{func() error { return c.SetThreshold(ctx, "fsync", time.Second) }, agent.SetThreshold{Syscall: "fsync", Threshold: time.Second}},
		{func() error { return c.ResetThresholds(ctx) }, agent.ResetThresholds{}},
		{func() error { return c.Reload(ctx) }, agent.Reload{}},
		{func() error { return c.Flush(ctx) }, agent.Flush{}},
	} {
		if err := s.do(); err != nil {
			t.Errorf("%T: %v", s.want, err)
		}
		if asked := r.agent.Asked(); len(asked) != 1 || !reflect.DeepEqual(asked[0].Cmd, s.want) {
			t.Errorf("the agent was asked %+v, want %+v", asked, s.want)
		}
	}
}

func TestClientReadsTheWholeStatus(t *testing.T) {
	r := newRig(t)
	r.agent.SetStatus(fullStatus())
	want := Status{Version: "1.2.3", Features: map[string]bool{"lock_owner": true, "task_work": false}, Status: fullStatus()}
	// A dict has no order, so the client sorts.
	want.Thresholds = []agent.Threshold{{Syscall: "@sync", Threshold: time.Microsecond}, {Syscall: "fsync", Threshold: 20 * time.Millisecond}}
	got, err := r.client(t).Status(t.Context())
	if got.OwnCPU <= 0 {
		t.Errorf("OwnCPU is %v", got.OwnCPU)
	}
	got.OwnCPU = 0 // this process's own
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestClientUnderstandsOtherVersionsOfTheService(t *testing.T) {
	if st, err := statusFromBus(dict{"State": dbus.MakeVariant("running"), "Novelty": dbus.MakeVariant(1.5)}); err != nil || st.State != "running" {
		t.Errorf("%+v, %v", st, err)
	}
	huge := dict{"Interval": dbus.MakeVariant(^uint64(0)), "Thresholds": dbus.MakeVariant(map[string]uint64{"read": ^uint64(0)})}
	if st, err := statusFromBus(huge); err != nil || st.Interval <= 0 || st.Thresholds[0].Threshold <= 0 {
		t.Errorf("%+v, %v", st, err)
	}
	for _, p := range contract(t)[Interface].Properties {
		_, err := statusFromBus(dict{p.Name: dbus.MakeVariant(1.5)})
		if err == nil || err.Error() != "read property "+p.Name+`: type "d" was not expected` {
			t.Errorf("%s as d: %v", p.Name, err)
		}
	}
}

func TestClientReturnsRows(t *testing.T) {
	r := newRig(t)
	rows := []agent.Row{
		{Group: "a.service", Syscall: "read", ABI: "x86_64", Count: 1, Errors: 2, TotalNs: 3, MaxNs: 4, P99Ns: 5},
		{Group: "b.service", Syscall: "write", ABI: "i386", Count: 6, Errors: 7, TotalNs: 8, MaxNs: 9, P99Ns: 10},
	}
	r.agent.SetRows(rows...)
	c := r.client(t)
	for top, want := range map[uint32][]agent.Row{0: rows, 1: rows[:1], 9: rows} {
		if got, err := c.Summary(t.Context(), top); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("top %d: %+v, %v", top, got, err)
		}
	}
}

func TestClientErrorsAreThoseOfTheAgent(t *testing.T) {
	r := newRig(t)
	c := r.client(t)
	r.agent.Refuse(refuse(agent.ErrNoSuchProcess, "pid 99 is dead"))
	if err := c.FilterPID(t.Context(), 99); !errors.Is(err, agent.ErrNoSuchProcess) || err.Error() != "pid 99 is dead" {
		t.Errorf("%v", err)
	}
	if _, err := c.Summary(t.Context(), 1); !errors.Is(err, agent.ErrNoSuchProcess) {
		t.Errorf("%v", err)
	}
	r.agent.Refuse(nil)
	if err := c.FilterPID(t.Context(), 0); !errors.Is(err, agent.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if err := c.SetThreshold(t.Context(), "read", time.Nanosecond); !errors.Is(err, agent.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if err := c.FilterUnit(t.Context(), "a\xff"); !errors.Is(err, agent.ErrInvalid) {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	r.agent.Asked()
	if err := c.Flush(t.Context()); err != nil || len(r.agent.Asked()) != 1 {
		t.Errorf("after refusals the client is of no use any more: %v", err)
	}
}

func TestClientSaysWhenNothingIsThere(t *testing.T) {
	bus := dbustest.Start(t)
	c, err := DialAddress(t.Context(), bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(t.Context()); !errors.Is(err, ErrNotRunning) || err.Error() != "syscountd is not on the bus" {
		t.Errorf("no service: %v", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no service: %v", err)
	}
	bus.Stop()
	if err := c.Start(t.Context()); !errors.Is(err, ErrNoBus) {
		t.Errorf("the bus is gone: %v", err)
	}
	if _, err := DialAddress(t.Context(), bus.Address); !errors.Is(err, ErrNoBus) {
		t.Errorf("no bus: %v", err)
	}
}

// TestMain has put the system bus where nothing is.
func TestDialGoesToTheSystemBusOfTheEnvironment(t *testing.T) {
	if _, err := Dial(t.Context()); !errors.Is(err, ErrNoBus) || !strings.Contains(err.Error(), "/nonexistent/") {
		t.Errorf("%v", err)
	}
	bus := dbustest.Start(t)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
	c, err := Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// The bus could start the service by its activation file: a client that only
// asks must not.
func TestClientDoesNotStartTheService(t *testing.T) {
	bus := dbustest.Start(t)
	bus.Activatable(BusName, "/bin/false")
	c, err := DialAddress(t.Context(), bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Start(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

// More than a socket's buffer holds: the writer gets stuck when the bus hangs.
func bigFilter() agent.Filter { return agent.Filter{PIDs: make([]uint32, 1<<17)} }

// The delays only make it likely that the writer is stuck when they end.
const untilStuck = 100 * time.Millisecond

func TestClientGivesUpOnABusThatHangs(t *testing.T) {
	r := newRig(t)
	c := r.client(t)
	r.bus.Signal(syscall.SIGSTOP)
	defer r.bus.Signal(syscall.SIGCONT)
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), untilStuck)
		defer cancel()
		failed <- c.SetFilter(ctx, bigFilter())
	}()
	if err := wait(t, "the error", failed); !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
}

func TestCloseFreesAClientThatHangs(t *testing.T) {
	r := newRig(t)
	c := r.client(t)
	r.bus.Signal(syscall.SIGSTOP)
	defer r.bus.Signal(syscall.SIGCONT)
	failed, closed := make(chan error, 1), make(chan error, 1)
	go func() { failed <- c.SetFilter(t.Context(), bigFilter()) }()
	time.AfterFunc(untilStuck, func() { closed <- c.Close() })
	if err := wait(t, "the end of Close", closed); err != nil {
		t.Error(err)
	}
	if err := wait(t, "the error", failed); !errors.Is(err, ErrNoBus) {
		t.Errorf("%v", err)
	}
}

func TestClientExplainsTheDenialOfTheBus(t *testing.T) {
	bus := dbustest.StartWith(t, `<policy context="mandatory"><deny send_destination="io.github.syscountd1"/></policy>`)
	wait(t, "the name", startRig(t, bus).service.Ready())
	c, err := DialAddress(t.Context(), bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Start(t.Context())
	if !errors.Is(err, ErrAccessDenied) || err.Error() != "the bus does not let this user control syscountd" {
		t.Errorf("%v", err)
	}
}
