package dbusapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

func TestBackoffDoublesUpToFiveSeconds(t *testing.T) {
	failures := 7 // of before
	for n, want := range []time.Duration{250, 250, 500, 1000, 2000, 4000, 5000, 5000, 5000} {
		failures = inARow(failures, n == 0)
		if got := backoff(failures); got != want*time.Millisecond {
			t.Errorf("after %d failures: %v, want %v", failures, got, want*time.Millisecond)
		}
	}
	if got := backoff(1 << 40); got != 5*time.Second {
		t.Errorf("after very many failures: %v", got)
	}
}

func TestServiceComesBackAfterABusRestart(t *testing.T) {
	r := newRig(t)
	if err := wait(t, "report of the name", r.reports); err != nil {
		t.Fatalf("the first report is %v, want nil", err)
	}
	for range 2 {
		r.bus.Restart()
		if err := wait(t, "report of the loss", r.reports); err == nil {
			t.Fatal("the loss of the bus was reported as success")
		}
		for wait(t, "report of the name", r.reports) != nil {
			// what attempts there were between the two daemons
		}
		r.conn = r.bus.Connect()
		r.agent.Asked()
		if err := r.call("Flush").Err; err != nil || len(r.agent.Asked()) != 1 {
			t.Errorf("after the restart: %v", err)
		}
	}
}

func TestServiceWaitsForABusThatIsNotThereYet(t *testing.T) {
	bus := dbustest.Start(t)
	bus.Stop()
	r := startRig(t, bus)
	if err := wait(t, "report", r.reports); err == nil || !strings.Contains(err.Error(), "connect to the bus") {
		t.Errorf("without a bus: %v", err)
	}
	bus.Restart()
	wait(t, "the name", r.service.Ready())
}

func TestTheSameFailureIsReportedOnce(t *testing.T) {
	var got []string
	s := New(Config{Report: func(err error) {
		if err == nil {
			got = append(got, "ok")
			return
		}
		got = append(got, err.Error())
	}})
	for _, err := range []error{errors.New("a"), errors.New("a"), errors.New("b"), errors.New("a"), nil, errors.New("a"), nil} {
		s.report(err)
	}
	if want := "a b a ok a ok"; strings.Join(got, " ") != want {
		t.Errorf("reported %v, want %s", got, want)
	}
}

func TestSecondServiceIsToldWhoOwnsTheName(t *testing.T) {
	r := newRig(t)
	second := startRig(t, r.bus)
	wait(t, "the end of the second", second.ended)
	var taken *NameTakenError
	if !errors.As(second.err, &taken) || taken.Owner != r.owner(t) || taken.PID != uint32(os.Getpid()) {
		t.Errorf("%v", second.err)
	}
	if want := "bus name io.github.syscountd1 is owned by " + r.owner(t); second.err == nil || !strings.HasPrefix(second.err.Error(), want) {
		t.Errorf("%v, want %s", second.err, want)
	}
	select {
	case <-second.service.Ready():
		t.Error("the second is ready")
	default:
	}
	if err := r.call("Flush").Err; err != nil {
		t.Errorf("the first does not answer any more: %v", err)
	}
}

func TestServiceTakesTheNameWhenItsOwnerIsGone(t *testing.T) {
	r := newRig(t)
	wait(t, "report of the name", r.reports)
	// While the service is off the bus somebody else takes the name; that is no
	// reason to end for a service that has been on the bus.
	r.bus.Stop()
	wait(t, "report of the loss", r.reports)
	r.bus.Restart()
	thief := r.bus.Connect()
	reply, err := thief.RequestName(BusName, dbus.NameFlagDoNotQueue)
	if err != nil {
		t.Fatal(err)
	}
	if reply == dbus.RequestNameReplyPrimaryOwner {
		for {
			var taken *NameTakenError
			if errors.As(wait(t, "report of the theft", r.reports), &taken) {
				break
			}
		}
		thief.Close()
	}
	for wait(t, "report of the name", r.reports) != nil {
	}
}

func TestBusThatRefusesTheNameIsNamed(t *testing.T) {
	bus := dbustest.StartWith(t, `<policy context="mandatory"><deny own="io.github.syscountd1"/></policy>`)
	r := startRig(t, bus)
	wait(t, "the end of Run", r.ended)
	if r.err == nil || !strings.HasPrefix(r.err.Error(), "the bus refuses the name io.github.syscountd1: ") ||
		!strings.Contains(r.err.Error(), "is its policy file installed") {
		t.Errorf("%v", r.err)
	}
}

func TestStopEndsCallsThatAreBeingServed(t *testing.T) {
	r := newRig(t)
	held, release := r.agent.Hold()
	defer release()
	done := make(chan *dbus.Call, 1)
	r.object().Go(Interface+".Reload", 0, done)
	wait(t, "the call", held)
	r.stop()
	if r.err != nil {
		t.Errorf("Run returned %v", r.err)
	}
	if err := wait(t, "the answer", done).Err; err == nil {
		t.Error("a call that was cut short succeeded")
	}
}

func TestStopReleasesTheName(t *testing.T) {
	r := newRig(t)
	r.stop()
	next := startRig(t, r.bus)
	wait(t, "the name", next.service.Ready())
}

// A bus that hangs must not hang the end of the service, even when a signal is
// just being written to it.
func TestStopDoesNotWaitForABusThatHangs(t *testing.T) {
	r := newRig(t)
	r.bus.Signal(syscall.SIGSTOP)
	defer r.bus.Signal(syscall.SIGCONT)
	// More than any socket's buffer holds; the service reads a status only when
	// it is not stuck in a write.
	for n := range uint32(64) {
		pids := make([]uint32, 1<<16)
		pids[0] = n
		r.agent.SetStatus(agent.Status{Filter: agent.Filter{PIDs: pids}})
	}
	r.stop()
}

func TestConnectGivesUpOnABusThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := DialAddress(ctx, "unix:path="+path)
		failed <- err
	}()
	sock, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	if _, err := sock.Read(make([]byte, 1)); err != nil { // it is in the handshake now
		t.Fatal(err)
	}
	cancel()
	if err := wait(t, "the error", failed); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A call that hangs in the agent must not keep the service from the new bus.
func TestLossOfTheBusEndsCallsThatAreBeingServed(t *testing.T) {
	r := newRig(t)
	wait(t, "report of the name", r.reports)
	held, release := r.agent.Hold()
	defer release()
	r.object().Go(Interface+".Reload", 0, nil)
	wait(t, "the call", held)
	r.bus.Restart()
	for wait(t, "report of the name", r.reports) != nil {
	}
}

// stubborn is an agent whose Do does not care about its context.
type stubborn struct {
	dbustest.Agent
	began, end chan struct{}
}

func (a *stubborn) Do(context.Context, agent.Caller, agent.Command) error {
	close(a.began)
	<-a.end
	return nil
}

func TestRunDoesNotReturnBeforeTheLastCall(t *testing.T) {
	a := &stubborn{began: make(chan struct{}), end: make(chan struct{})}
	r := newRig(t, func(cfg *Config) { cfg.Agent = a })
	gone := make(chan *dbus.Signal, 10)
	r.conn.Signal(gone)
	err := r.conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, BusName))
	if err != nil {
		t.Fatal(err)
	}
	r.object().Go(Interface+".Reload", 0, nil)
	wait(t, "the call", a.began)
	finished := make(chan struct{})
	go func() { defer close(finished); r.stop() }()
	for wait(t, "the loss of the name", gone).Name != "org.freedesktop.DBus.NameOwnerChanged" {
	}
	for range 1000 { // nothing but the call keeps Run now; let it go wrong
		runtime.Gosched()
	}
	select {
	case <-r.ended:
		t.Error("Run returned while a call was being served")
	default:
	}
	close(a.end)
	wait(t, "the end", finished)
}

func TestGateWaitsForThoseInside(t *testing.T) {
	var g gate
	if g.enter("a") != nil {
		t.Fatal("an open gate is closed")
	}
	shut := make(chan struct{})
	go func() { defer close(shut); g.shut() }()
	for g.enter("a") == nil { // until shut has closed it
		g.leave("a")
	}
	select {
	case <-shut:
		t.Error("shut did not wait")
	default:
	}
	g.leave("a")
	wait(t, "shut", shut)
}

func TestGateBoundsTheCalls(t *testing.T) {
	var g gate
	for range maxOfSender {
		if err := g.enter("greedy"); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.enter("greedy"); !errors.Is(err, errTooMany) || !strings.Contains(err.Error(), "16 calls of greedy") {
		t.Errorf("one more: %v", err)
	}
	g.leave("greedy")
	if err := g.enter("greedy"); err != nil {
		t.Errorf("after an answer: %v", err)
	}
	n := maxOfSender
	for ; g.enter(fmt.Sprint(n)) == nil; n++ {
	}
	if n != maxInside {
		t.Errorf("%d calls of all are let in, want %d", n, maxInside)
	}
	for ; n > maxOfSender; n-- {
		g.leave(fmt.Sprint(n - 1))
	}
	if len(g.senders) != 1 || g.all != maxOfSender {
		t.Errorf("the gate remembers %d senders, %d calls", len(g.senders), g.all)
	}
}

func TestCallAfterTheGateIsShutIsRefused(t *testing.T) {
	se := &session{service: New(Config{}), ctx: t.Context()}
	se.gate.shut()
	c := &call{se, "Start", managerMethods()["Start"]}
	_, err := c.Call(&request{})
	var sent *dbus.Error
	if !errors.As(err, &sent) || sent.Name != ownError+"Stopping" {
		t.Errorf("%v", err)
	}
}

func TestSlowAgentBecomesATimeout(t *testing.T) {
	for err, name := range map[error]string{
		context.DeadlineExceeded: "org.freedesktop.DBus.Error.Timeout",
		context.Canceled:         "io.github.syscountd1.Error.Stopping",
	} {
		se := &session{service: New(Config{}), ctx: t.Context()}
		run := func(context.Context, *Service, agent.Caller, []any) ([]any, error) { return nil, err }
		_, got := (&call{se, "Reload", method{run: run}}).Call(&request{})
		var sent *dbus.Error
		if !errors.As(got, &sent) || sent.Name != name || !strings.HasPrefix(sent.Error(), "Reload: ") {
			t.Errorf("%v became %v, want %s", err, got, name)
		}
	}
}

func TestErrorsOfTheAgentReachTheCaller(t *testing.T) {
	r := newRig(t)
	for err, name := range map[error]string{
		refuse(agent.ErrNoSuchProcess, "pid 99 is dead"):                     ownError + "NoSuchProcess",
		refuse(agent.ErrNoSuchUnit, "unit x has no cgroup"):                  ownError + "NoSuchUnit",
		refuse(agent.ErrPolicy, "/etc/x.toml:3: slow.threshold = -1"):        ownError + "PolicyInvalid",
		refuse(agent.ErrKernel, "attach sys_enter: operation not permitted"): ownError + "Kernel",
		refuse(agent.ErrInvalid, "unknown syscall"):                          standardError + "InvalidArgs",
		refuse(agent.ErrStopping, "the service is stopping"):                 ownError + "Stopping",
	} {
		r.agent.Refuse(err)
		for _, method := range []string{"FilterPID", "Reload", "Summary", "SlowCalls", "StuckCalls"} {
			got := r.call(method, rightCalls[method]...).Err
			if errorName(got) != name || got.Error() != err.Error() {
				t.Errorf("%s: %s: %v, want %s: %v", method, errorName(got), got, name, err)
			}
		}
	}
}

// goroutines lists those that run code of this package or of godbus.
func goroutines() string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
	var ours []string
	for i, g := range strings.Split(b.String(), "\n\n") {
		if i > 0 && (strings.Contains(g, "godbus") || strings.Contains(g, "dbusapi.(*")) {
			ours = append(ours, g)
		}
	}
	return strings.Join(ours, "\n\n")
}

// Its own rig, so that no connection of another test is about.
func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	bus := dbustest.Start(t)
	r := startRig(t, bus)
	wait(t, "the name", r.service.Ready())
	for range 3 {
		c, err := DialAddress(t.Context(), bus.Address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	bus.Restart()
	r.stop()
	// godbus' goroutines end by themselves once the socket is closed; there is
	// nothing to wait on but their end.
	deadline := time.After(patience)
	for tick := time.NewTicker(time.Millisecond); goroutines() != ""; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still running:\n%s", goroutines())
		}
	}
}
