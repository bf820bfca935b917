package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/dbusapi"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// Like the service itself, its tests have CAP_BPF and CAP_PERFMON only.
func TestMain(m *testing.M) {
	if err := bpftest.DropCapabilities(); err != nil {
		fmt.Fprintf(os.Stderr, "the tests of syscountd need root: %v\n", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// command runs syscountd to its end, without the kernel.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := hostEnv()
	e.stdout, e.stderr = &out, &errs
	e.load = func(bpf.Options) (agent.Kernel, error) {
		t.Error("the programs are loaded")
		return nil, bpf.ErrNotSupported
	}
	status = run(t.Context(), e, args)
	return status, out.String(), errs.String()
}

func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestABadPolicyIsStatus78AndOneSentence(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":        {"[collect]\nintervall = \"5s\"\n", ":2:"},
		"wrong type":         {"[collect]\ntop = \"many\"\n", ":2:"},
		"unknown syscall":    {"[[rule]]\nname = \"x\"\nthreshold = \"1s\"\nsyscalls = [\"fdatasink\"]\n", ":4:"},
		"negative threshold": {"\n\n[slow]\nthreshold = \"-5ms\"\n", ":4:"},
		"no TOML":            {"[collect\n", ":1:"},
	} {
		t.Run(name, func(t *testing.T) {
			file := policyFile(t, test.text)
			for _, args := range [][]string{{"--check"}, {"--print-config"}, {"--no-dbus", "--output", "stdout"}} {
				status, stdout, stderr := command(t, append(args, "--config", file)...)
				if status != 78 || stdout != "" {
					t.Errorf("%v: status %d, stdout %q; want 78, nothing", args, status, stdout)
				}
				sentence, snippet, _ := strings.Cut(stderr, "\n")
				if !strings.Contains(sentence, file+test.want) || strings.HasSuffix(snippet, "^\n") != (len(args) == 1) {
					t.Errorf("%v: %q; want one line with %s%s, and the place unless it serves", args, stderr, file, test.want)
				}
			}
		})
	}
}

func TestAPolicyFileThatCannotBeReadIsStatus78(t *testing.T) {
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop\x1b.toml")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"/nonexistent/policy.toml": "/nonexistent/policy.toml: cannot be read: no such file or directory",
		dir:                        dir + ": cannot be read: is a directory",
		loop:                       dir + "/loop\ufffd.toml: cannot be read: too many levels of symbolic links",
	} {
		for _, args := range [][]string{{"--check"}, {"--no-dbus"}} {
			status, _, stderr := command(t, append(args, "--config", file)...)
			if status != 78 || stderr != "syscountd: "+want+"\n" {
				t.Errorf("%v %s: status %d, %q", args, file, status, stderr)
			}
		}
	}
}

func TestCheckExplainsAndPrintConfigParsesBack(t *testing.T) {
	file := policyFile(t, "[slow]\nthreshold = \"123ms\"\n")
	status, stdout, _ := command(t, "--check", "--config", file)
	if status != 0 || !strings.Contains(stdout, "123ms") || !strings.HasSuffix(stdout, file+":2: slow.threshold\n") {
		t.Errorf("--check: status %d, %q", status, stdout)
	}
	status, stdout, _ = command(t, "--print-config", "--config", file)
	p, err := policy.Parse("printed", []byte(stdout))
	if status != 0 || err != nil || p.Slow.Threshold.String() != "123ms" || !strings.Contains(stdout, "threshold = \"123ms\" # "+file+":2\n") {
		t.Errorf("--print-config: status %d, %v: %q", status, err, stdout)
	}
}

func TestTheCommandLine(t *testing.T) {
	for _, test := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--version"}, 0, "syscountd unreleased"},
		{[]string{"--help"}, 0, "--print-config"},
		{[]string{"--nosuch"}, 64, "unknown flag: --nosuch"},
		{[]string{"--check", "--print-config"}, 64, "--check and --print-config together"},
		{[]string{"argument"}, 64, `"argument" is no option`},
		{[]string{"--output", "syslog"}, 64, `--output "syslog": must be journal, stdout or auto`},
	} {
		status, stdout, stderr := command(t, test.args...)
		if status != test.status || !strings.Contains(stdout+stderr, test.says) {
			t.Errorf("%q: status %d, %q; want %d, %q", test.args, status, stdout+stderr, test.status, test.says)
		}
	}
}

func TestAKernelThatLacksSomethingIsStatus69(t *testing.T) {
	for want, cause := range map[int]error{69: bpf.ErrNotSupported, 77: bpf.ErrPermission, 1: errors.New("broken")} {
		var errs bytes.Buffer
		e := hostEnv()
		e.stdout, e.stderr = io.Discard, &errs
		e.probe = func() error { return fmt.Errorf("%w: Linux 5.10 has no BPF task-local storage", cause) }
		if status := run(t.Context(), e, []string{"--no-dbus", "--output", "stdout"}); status != want || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("status %d, %q; want %d and one sentence", status, errs.String(), want)
		}
	}
}

// service is a whole syscountd on the real kernel, inside this process.
type service struct {
	t      *testing.T
	lines  *bufio.Scanner
	mu     sync.Mutex
	told   []string // to systemd
	ready  chan struct{}
	once   sync.Once // closes ready
	cancel context.CancelFunc
	ended  chan int
}

func start(t *testing.T, bus string, args ...string) *service {
	t.Helper()
	return startIn(t, func(e *env) { e.busAddress = bus }, args...)
}

// startIn is start in another environment.
func startIn(t *testing.T, change func(*env), args ...string) *service {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, lines: bufio.NewScanner(r), ready: make(chan struct{}), ended: make(chan int, 1)}
	e := hostEnv()
	e.stdout, e.stderr = w, os.Stderr
	e.notify, e.busPatience = s.notify, time.Second
	change(&e)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	t.Cleanup(cancel)
	go func() {
		s.ended <- run(ctx, e, args)
		w.Close()
	}()
	return s
}

// notify is systemd's end of sd_notify(3).
func (s *service) notify(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, state)
	if strings.HasPrefix(state, "READY=1") {
		s.once.Do(func() { close(s.ready) })
	}
}

// next reads records until one is wanted.
func (s *service) next(want func(map[string]any) bool) map[string]any {
	s.t.Helper()
	for s.lines.Scan() {
		recordtest.Validate(s.t, s.lines.Bytes())
		var r map[string]any
		if err := json.Unmarshal(s.lines.Bytes(), &r); err != nil {
			s.t.Fatalf("%q: %v", s.lines.Text(), err)
		}
		if want(r) {
			return r
		}
	}
	s.t.Fatalf("the records ended: %v", s.lines.Err())
	return nil
}

func event(name string) func(map[string]any) bool {
	return func(r map[string]any) bool { return r["event"] == name }
}

func TestItRunsOnThisKernel(t *testing.T) {
	file := policyFile(t, "[collect]\nmode = \"account\"\ninterval = \"1s\"\n")
	s := start(t, "", "--no-dbus", "--output", "stdout", "--config", file)
	if r := s.next(event("state")); r["change"] != "started" || r["mode"] != "account" {
		t.Errorf("first record %v", r)
	}
	r := s.next(event("interval"))
	if balance := r["balance"].(map[string]any); balance["residual"].(float64) != 0 {
		t.Errorf("balance %v", balance)
	}
	s.cancel()
	if r := s.next(event("interval")); r["final"] != true {
		r = s.next(event("interval"))
		if r["final"] != true {
			t.Errorf("last interval %v", r)
		}
	}
	if r := s.next(event("state")); r["change"] != "stopped" {
		t.Errorf("last record %v", r)
	}
	if status := <-s.ended; status != 0 {
		t.Errorf("status %d", status)
	}
	var told []string
	for _, state := range s.told {
		told = append(told, strings.SplitN(state, "\n", 2)[0])
	}
	if got := strings.Join(told, " "); !strings.Contains(got, "READY=1") || !strings.Contains(got, "STOPPING=1") {
		t.Errorf("told systemd %q", s.told)
	}
}

// A SIGHUP while the programs are loaded does not end the service: the policy is read again when it is ready.
func TestAHangupBeforeItIsReadyIsAReload(t *testing.T) {
	file := policyFile(t, "[collect]\ninterval = \"1h\"\n")
	s := startIn(t, func(e *env) {
		load := e.load
		e.load = func(opts bpf.Options) (agent.Kernel, error) {
			if err := unix.Kill(os.Getpid(), unix.SIGHUP); err != nil {
				t.Error(err)
			}
			return load(opts)
		}
	}, "--no-dbus", "--output", "stdout", "--config", file)
	if r := s.next(event("state")); r["change"] != "started" {
		t.Errorf("first record %v", r)
	}
	r := s.next(event("state"))
	if caller, _ := r["caller"].(map[string]any); r["change"] != "reloaded" || caller["via"] != "signal" {
		t.Errorf("next record %v; want that the policy was read again", r)
	}
	s.cancel()
	s.next(func(r map[string]any) bool { return r["change"] == "stopped" })
	if status := <-s.ended; status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestItIsReadyOnlyWhenItIsOnTheBus(t *testing.T) {
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
	if err := client.FilterPID(t.Context(), uint32(os.Getppid())); err != nil {
		t.Fatal(err)
	}
	r := s.next(func(r map[string]any) bool { return r["change"] == "retargeted" })
	caller := r["caller"].(map[string]any)
	if caller["user_id"].(float64) != 0 || int(caller["pid"].(float64)) != os.Getpid() || caller["via"] != "dbus" {
		t.Errorf("caller %v; want user 0, pid %d", caller, os.Getpid())
	}
	s.cancel()
	s.next(func(r map[string]any) bool { return r["change"] == "stopped" })
	if status := <-s.ended; status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestStatm(t *testing.T) {
	for text, want := range map[string]uint64{"100 42 3 1 0 9 0\n": 42, "": 0, "x y": 0} {
		if got := statmResident(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if ns, bytes := cpuNs(), residentBytes(); ns == 0 || bytes < 1<<20 {
		t.Errorf("%d ns, %d bytes", ns, bytes)
	}
}
