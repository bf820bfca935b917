package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

var errGate = errors.New("gate stays shut")

func open() error { return nil }
func shut() error { return errGate }

// readCalls is the kernel's own count of this thread's read calls.
func readCalls(t *testing.T) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/io")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "syscr: "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no syscr in %q", text)
	return 0
}

func TestReadsAreExactlyAsMany(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ours := func(plan countPlan) uint64 {
		before := readCalls(t)
		if _, err := count(plan, open); err != nil {
			t.Fatal(err)
		}
		return readCalls(t) - before
	}
	base := ours(countPlan{}) // what reading the counter costs itself
	for _, want := range []uint64{0, 1, 1000, 25000} {
		if got := ours(countPlan{ReadZero: want, Getppid: 17, OpenatFail: 23}) - base; got != want {
			t.Errorf("asked for %d reads, the kernel counted %d", want, got)
		}
	}
}

func TestCountSaysWhatItDid(t *testing.T) {
	plan := countPlan{Getppid: 10, ReadZero: 20, OpenatFail: 30}
	before := monotonic()
	got, err := count(plan, open)
	after := monotonic()
	if err != nil {
		t.Fatal(err)
	}
	if got.Calls != plan || got.PID != os.Getpid() {
		t.Errorf("asked for %+v of pid %d, got %+v", plan, os.Getpid(), got)
	}
	if got.StartNs < before || got.EndNs < got.StartNs || got.EndNs > after {
		t.Errorf("bracket %d-%d is not inside %d-%d", got.StartNs, got.EndNs, before, after)
	}
}

func TestNothingIsIssuedBeforeTheGateOpens(t *testing.T) {
	if _, err := count(countPlan{Getppid: 1}, shut); !errors.Is(err, errGate) {
		t.Errorf("count went on: %v", err)
	}
	if _, err := slow("openat", missing, shut); !errors.Is(err, errGate) {
		t.Errorf("slow went on: %v", err)
	}
}

func TestSlow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		op, path string
		wantErr  string
	}{
		{op: "read", path: file},
		{op: "fsync", path: file},
		{op: "openat", path: file},
		{op: "openat", path: missing, wantErr: "no such file"},
		{op: "read", path: missing, wantErr: "open " + missing},
		{op: "fsync", path: "/proc/self/status", wantErr: "fsync /proc/self/status"},
		{op: "write", path: file, wantErr: `no operation "write"`},
		{op: "", path: file, wantErr: `no operation ""`},
	} {
		t.Run(test.op+" "+filepath.Base(test.path), func(t *testing.T) {
			before := monotonic()
			got, err := slow(test.op, test.path, open)
			after := monotonic()
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("want an error with %q, got %v", test.wantErr, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Syscall != test.op || got.PID != os.Getpid() || got.TID == 0 {
				t.Errorf("got %+v", got)
			}
			if got.BeforeNs < before || got.AfterNs <= got.BeforeNs || got.AfterNs > after {
				t.Errorf("bracket %d-%d is not inside %d-%d", got.BeforeNs, got.AfterNs, before, after)
			}
		})
	}
}

func TestWaitingLeavesTheInputUnread(t *testing.T) {
	for _, test := range []struct{ name, input string }{{"line", "go\n"}, {"end", ""}} {
		t.Run(test.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := w.WriteString(test.input); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if err := awaitInput(int32(r.Fd())); err != nil {
				t.Fatal(err)
			}
			var left bytes.Buffer
			if _, err := left.ReadFrom(r); err != nil || left.String() != test.input {
				t.Errorf("left of %q: %q, %v", test.input, left.String(), err)
			}
		})
	}
}

func TestWaitingComesBackWhenInputDoes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error, 1)
	fd := int32(r.Fd())
	go func() { done <- awaitInput(fd) }()
	select {
	case err := <-done:
		t.Fatalf("came back without input: %v", err)
	default:
	}
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestLingeringIgnoresInputAndSeesTheEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("input\n"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	fd := int32(r.Fd())
	go func() { done <- awaitEnd(fd) }()
	select {
	case err := <-done:
		t.Fatalf("came back before the end: %v", err)
	default:
	}
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRunPrintsOneLine(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"count", "-getppid", "3", "-read-zero", "2", "-openat-fail", "1"}, &out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1 {
		t.Errorf("%d lines: %q", lines, out.String())
	}
	var got struct {
		PID   int
		Calls map[string]uint64
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.PID != os.Getpid() || got.Calls["getppid"] != 3 || got.Calls["read"] != 2 || got.Calls["openat"] != 1 {
		t.Errorf("got %+v from %q", got, out.String())
	}
}

func TestRunRefuses(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "no command"},
		{"fast", `no command "fast"`},
		{"count more", `unexpected argument "more"`},
		{"count -getppid -1", "invalid value"},
		{"slow -op nap -path /", `no operation "nap"`},
	} {
		var out bytes.Buffer
		err := run(strings.Fields(test.args), &out)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("workload %s: want an error with %q, got %v", test.args, test.want, err)
		}
		if out.Len() > 0 {
			t.Errorf("workload %s printed %q", test.args, out.String())
		}
	}
}
