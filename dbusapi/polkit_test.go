package dbusapi

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// fakePolkit answers on a private bus as it is told, and keeps the questions.
type fakePolkit struct {
	mu        sync.Mutex
	answer    polkitAnswer
	refusal   *dbus.Error
	hang      bool
	asked     []polkitQuestion
	asking    chan struct{}
	cancelled chan string
}

type polkitQuestion struct {
	Subject polkitSubject
	Action  string
	Details map[string]string
	Flags   uint32
	ID      string
}

func (p *fakePolkit) CheckAuthorization(subject polkitSubject, action string, details map[string]string, flags uint32, id string) (polkitAnswer, *dbus.Error) {
	p.mu.Lock()
	p.asked = append(p.asked, polkitQuestion{subject, action, details, flags, id})
	answer, refusal, hang := p.answer, p.refusal, p.hang
	p.mu.Unlock()
	p.asking <- struct{}{}
	if hang {
		<-p.cancelled
	}
	return answer, refusal
}

func (p *fakePolkit) CancelCheckAuthorization(id string) *dbus.Error {
	p.cancelled <- id
	p.cancelled <- id
	return nil
}

// set says how to answer from now on, and forgets the questions.
func (p *fakePolkit) set(answer polkitAnswer, refusal *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer.Details = map[string]string{}
	p.answer, p.refusal, p.asked = answer, refusal, nil
}

func (p *fakePolkit) questions() []polkitQuestion {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// startPolkit puts a fake polkit on the bus of the rig.
func startPolkit(t *testing.T, r *rig) *fakePolkit {
	t.Helper()
	p := &fakePolkit{asking: make(chan struct{}, 1000), cancelled: make(chan string, 2)}
	p.set(polkitAnswer{}, nil)
	conn := r.bus.Connect()
	if err := conn.Export(p, polkitPath, polkitInterface); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(polkitName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("polkit's name: %v, %v", reply, err)
	}
	return p
}

// judged gives what authorize says of a caller who is neither root nor owner.
func (r *rig) judged(t *testing.T, method string, interactive bool, args ...any) error {
	t.Helper()
	c := &call{&session{service: r.service, ctx: t.Context()}, method, managerMethods()[method]}
	req := &request{conn: r.conn, sender: r.conn.Names()[0], interactive: interactive, args: args}
	return askPolkit(t.Context(), req, c, agent.Caller{UID: 1000, PID: 7})
}

func TestPolkitDecidesForThoseWhoAreNotRoot(t *testing.T) {
	r := newRig(t)
	if err := r.judged(t, "Stop", false); !errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), "for root only, since polkit is not here; the caller is uid 1000, pid 7") {
		t.Errorf("without polkit: %v", err)
	}
	polkit := startPolkit(t, r)
	for name, c := range map[string]struct {
		answer  polkitAnswer
		refusal *dbus.Error
		want    error
		says    string
	}{
		"yes":       {polkitAnswer{Authorized: true}, nil, nil, ""},
		"no":        {polkitAnswer{}, nil, ErrAccessDenied, "Stop: polkit does not allow it"},
		"password":  {polkitAnswer{Challenge: true}, nil, ErrAuthRequired, "Stop needs a password"},
		"an error":  {polkitAnswer{}, dbus.NewError("org.freedesktop.PolicyKit1.Error.Failed", []any{"no such action"}), ErrAccessDenied, "no such action"},
		"confusion": {polkitAnswer{Authorized: true}, dbus.NewError("org.freedesktop.DBus.Error.NoReply", nil), ErrAccessDenied, "polkit does not say"},
	} {
		polkit.set(c.answer, c.refusal)
		err := r.judged(t, "Stop", false)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %v: %s", name, err, c.want, c.says)
		}
	}
}

func TestPolkitIsToldWhoWantsWhat(t *testing.T) {
	r := newRig(t)
	polkit := startPolkit(t, r)
	for _, c := range []struct {
		method string
		args   []any
		action string
		target string
	}{
		{"Stop", nil, "io.github.syscountd1.manage", ""},
		{"FilterPID", []any{uint32(812)}, "io.github.syscountd1.manage", "pid 812"},
		{"FilterUnit", []any{"a\n\x1b.service"}, "io.github.syscountd1.manage", `unit a\n\x1b.service`},
		{"SetFilter", []any{dict{"units": dbus.MakeVariant([]string{"b.service"}), "pids": dbus.MakeVariant([]uint32{1})}}, "io.github.syscountd1.manage", "filter map[pids:[1] units:[b.service]]"},
		{"SetThreshold", []any{"fsync", uint64(5)}, "io.github.syscountd1.manage", "syscall fsync, usec 5"},
		{"FilterSyscalls", []any{[]string{strings.Repeat("ä", 500)}}, "io.github.syscountd1.manage", "syscalls [" + strings.Repeat("ä", 95) + "..."},
		{"SlowCalls", []any{uint32(3)}, "io.github.syscountd1.read-details", "newest 3"},
	} {
		polkit.set(polkitAnswer{Authorized: true}, nil)
		if err := r.judged(t, c.method, false, c.args...); err != nil {
			t.Errorf("%s: %v", c.method, err)
		}
		asked := polkit.questions()
		if len(asked) != 1 {
			t.Fatalf("%s: polkit was asked %+v", c.method, asked)
		}
		q := asked[0]
		want := polkitSubject{"system-bus-name", dict{"name": dbus.MakeVariant(r.conn.Names()[0])}}
		if !reflect.DeepEqual(q.Subject, want) || q.Action != c.action || q.Flags != 0 || q.Details["method"] != c.method || q.Details["target"] != c.target {
			t.Errorf("%s: polkit was asked %+v", c.method, q)
		}
	}
}

func TestAPasswordIsAskedForOnlyIfTheCallerAllowsIt(t *testing.T) {
	r := newRig(t)
	polkit := startPolkit(t, r)
	for interactive, want := range map[bool]uint32{false: 0, true: 1} {
		polkit.set(polkitAnswer{Authorized: true}, nil)
		if err := r.judged(t, "Stop", interactive); err != nil {
			t.Error(err)
		}
		if got := polkit.questions()[0].Flags; got != want {
			t.Errorf("interactive %v: flags %d, want %d", interactive, got, want)
		}
	}
	// The flag as the wire has it.
	for flags, want := range map[dbus.Flags]bool{0: false, dbus.FlagAllowInteractiveAuthorization: true} {
		args, err := (&call{}).DecodeArguments(nil, "", &dbus.Message{Flags: flags}, nil)
		if err != nil || args[0].(*request).interactive != want {
			t.Errorf("flags %d: %+v, %v", flags, args[0], err)
		}
	}
}

func TestAQuestionThatIsGivenUpIsTakenBack(t *testing.T) {
	r := newRig(t)
	polkit := startPolkit(t, r)
	polkit.mu.Lock()
	polkit.hang = true
	polkit.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	c := &call{&session{service: r.service, ctx: ctx}, "Stop", managerMethods()["Stop"]}
	failed := make(chan error, 1)
	go func() {
		failed <- askPolkit(ctx, &request{conn: r.conn, sender: r.conn.Names()[0]}, c, agent.Caller{UID: 1000})
	}()
	wait(t, "the question", polkit.asking)
	cancel()
	if err := wait(t, "the end", failed); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if id := wait(t, "the cancellation", polkit.cancelled); id != polkit.questions()[0].ID {
		t.Errorf("question %q was taken back, asked was %q", id, polkit.questions()[0].ID)
	}
}

// Root and the owner are not asked about: without polkit they may all the same.
func TestPolkitIsNotAskedAboutTheOwner(t *testing.T) {
	r := newRig(t)
	polkit := startPolkit(t, r)
	if err := r.call("Flush").Err; err != nil {
		t.Error(err)
	}
	if asked := polkit.questions(); len(asked) != 0 {
		t.Errorf("polkit was asked %+v", asked)
	}
}

// Everything by way of the wire: another user's call, polkit's answer, the agent.
func TestAnotherUserWithLeaveReachesTheAgent(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("only root can call as another user: run this test as root")
	}
	r := newRig(t)
	polkit := startPolkit(t, r)
	polkit.set(polkitAnswer{Authorized: true}, nil)
	run := callerAs(t, r)
	if out, err := run(manager("call", "FilterPID", "u", "812")...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	asked := r.agent.Asked()
	if len(asked) != 1 || asked[0].Who.UID != 65534 || asked[0].Who.PID == 0 || !reflect.DeepEqual(asked[0].Cmd, agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{812}}}) {
		t.Errorf("the agent was asked %+v", asked)
	}
	polkit.set(polkitAnswer{Challenge: true}, nil)
	if out, err := run(manager("call", "Stop")...); err == nil || !strings.Contains(out, "Stop needs a password") {
		t.Errorf("%v: %s", err, out)
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %+v", asked)
	}
}

// eventually asks again and again, for what nobody notifies us of.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not true within %v: %s", patience, what)
		}
	}
}
