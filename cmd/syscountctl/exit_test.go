package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// lines gives the error's sentence and the hint; more lines than these are a
// mistake, which shows in the hint.
func lines(stderr string) (sentence, hint string) {
	sentence, hint, _ = strings.Cut(strings.TrimSuffix(stderr, "\n"), "\n")
	return sentence, hint
}

// everyCommand has one right command line of each kind.
var everyCommand = []string{"status", "start", "stop", "filter show", "filter pid 1", "filter unit a.service",
	"filter syscalls read", "filter set --uid 0", "filter clear", "threshold read 1s", "threshold --reset", "reload", "flush", "summary", "slow", "stuck"}

func TestServiceThatIsNotRunning(t *testing.T) {
	r := &rig{t, dbustest.Start(t), nil}
	for _, line := range everyCommand {
		want := result{7, "", "syscountctl: syscountd is not on the bus\nIs it running? Try: systemctl status syscountd\n"}
		if line == "status" {
			want.code = 3
		}
		if got := r.run(words(line)...); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestBusThatIsNotRunning(t *testing.T) {
	for _, line := range everyCommand {
		got := runWith(t.Context(), dbusapi.Dial, words(line)...) // TestMain has hidden the system bus
		want := 1
		if line == "status" {
			want = 4
		}
		sentence, hint := lines(got.stderr)
		if got.code != want || got.stdout != "" || !strings.HasPrefix(sentence, "syscountctl: no connection to the system bus: /nonexistent/") || !strings.HasSuffix(sentence, " does not exist") ||
			hint != "Is dbus running? Try: systemctl status dbus" {
			t.Errorf("%s: %+v, want %d", line, got, want)
		}
	}
}

func TestRefusalsOfTheServiceAreShown(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.Refuse(&refusal{agent.ErrPolicy, "/etc/syscountd/syscountd.toml:3: slow.threshold = -1s: must be 1us or more"})
	want := result{1, "", "syscountctl: /etc/syscountd/syscountd.toml:3: slow.threshold = -1s: must be 1us or more\n"}
	if got := r.run("reload"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.agent.Refuse(nil)
	want = result{1, "", "syscountctl: pid 0 is no process; give a PID from 1 to 4194304\n"}
	if got := r.run("filter", "pid", "0"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := r.run("filter", "unit", "a\xff"); got.code != 1 || strings.Contains(got.stderr, "\xff") {
		t.Errorf("%+v", got)
	}
}

// refusal is an error as the agent makes them.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err            error
		status, others int
	}{
		{nil, 0, 0},
		{usagef("x"), 2, 2},
		{errStopped, 3, 3},
		{dbusapi.ErrNotRunning, 3, 7},
		{dbusapi.ErrNoBus, 4, 1},
		{dbusapi.ErrAccessDenied, 4, 4},
		{dbusapi.ErrTimeout, 4, 1},
		{agent.ErrInvalid, 4, 1},
		{agent.ErrNoSuchProcess, 4, 1},
		{agent.ErrPolicy, 4, 1},
		{io.EOF, 4, 1},
	} {
		if got := exitCode(c.err, "status"); got != c.status {
			t.Errorf("status, %v: %d, want %d", c.err, got, c.status)
		}
		if got := exitCode(c.err, "start"); got != c.others {
			t.Errorf("start, %v: %d, want %d", c.err, got, c.others)
		}
	}
}

func TestHints(t *testing.T) {
	for err, want := range map[error]string{
		usagef("x"):              "Try: syscountctl start --help",
		dbusapi.ErrNotRunning:    "Is it running? Try: systemctl status syscountd",
		dbusapi.ErrNoBus:         "Is dbus running? Try: systemctl status dbus",
		dbusapi.ErrAccessDenied:  "This is for root, and for whom polkit lets. Try: sudo syscountctl start",
		dbusapi.ErrTimeout:       "The service or the bus does not answer. Try: journalctl -u syscountd -n 20",
		context.DeadlineExceeded: "The service or the bus does not answer. Try: journalctl -u syscountd -n 20",
		errStopped:               "Try: syscountctl start",
		agent.ErrInvalid:         "",
	} {
		if got := hintFor(err, "syscountctl start"); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// As in dbusapi: another owner makes us nobody where we are not root already.
func TestOthersAreToldThatItIsForRoot(t *testing.T) {
	if os.Getuid() == 0 {
		r := newRig(t, 0)
		r.agent.Refuse(dbusapi.ErrAccessDenied)
		if got := r.run("start"); got.code != 4 || !strings.Contains(got.stderr, "Try: sudo syscountctl start") {
			t.Errorf("%+v", got)
		}
		return
	}
	r := newRig(t, 4242)
	got := r.run("start")
	if got.code != 4 || !strings.HasPrefix(got.stderr, "syscountctl: Start is for root only; the caller is uid ") ||
		!strings.Contains(got.stderr, "Try: sudo syscountctl start") {
		t.Errorf("%+v", got)
	}
}

func TestServiceThatHangsIsATimeout(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.bus.Signal(syscall.SIGSTOP)
	defer r.bus.Signal(syscall.SIGCONT)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	got := runWith(ctx, func(ctx context.Context) (*dbusapi.Client, error) {
		return dbusapi.DialAddress(ctx, r.bus.Address)
	}, "flush")
	if _, hint := lines(got.stderr); got.code != 1 || !strings.Contains(hint, "does not answer") {
		t.Errorf("%+v", got)
	}
}

// full is an output that cannot be written to, such as a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatFailsIsAFailure(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(runningStatus())
	var stderr strings.Builder
	dial := func(ctx context.Context) (*dbusapi.Client, error) { return dbusapi.DialAddress(ctx, r.bus.Address) }
	for _, line := range []string{"filter show", "summary", "summary --json", "slow", "stuck --json"} {
		stderr.Reset()
		if code := run(t.Context(), env{full{}, &stderr, dial, false}, words(line)); code != 1 ||
			stderr.String() != "syscountctl: print: no space left on device\n" {
			t.Errorf("%s: %d, %s", line, code, &stderr)
		}
	}
}
