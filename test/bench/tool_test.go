package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// shell is a tool that is a shell script.
func shell(script string) tool {
	return tool{argv: []string{"/bin/sh", "-c", script, "sh", "{pid}"}, readyLine: "^ready$", sawLine: "getppid"}
}

// untilInterrupted ends a script: it stays until SIGINT and then does as told.
func untilInterrupted(then string) string {
	return "sleep 600 & trap 'kill $!; " + then + "; exit 130' INT; echo ready; wait"
}

func TestToolIsAttachedWhenItSaysSoAndGoneWhenDetached(t *testing.T) {
	for _, test := range []struct {
		name, script string
		saw          bool
	}{
		{"a tool that saw the calls", untilInterrupted("echo getppid 17"), true},
		{"a tool that saw others", untilInterrupted("echo read 17"), false},
		{"a tool that ended with what it traced", "echo getppid; echo ready", true},
	} {
		attached, err := shell(test.script).attach(t.Context(), site{pid: 1})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if err := attached.detach(); err != nil {
			t.Errorf("%s: detach: %v", test.name, err)
		}
		if attached.saw() != test.saw {
			t.Errorf("%s: saw %v", test.name, !test.saw)
		}
	}
}

func TestToolThatLooksElsewhereNeedNotSee(t *testing.T) {
	blind := shell(untilInterrupted(":"))
	blind.sawLine = ""
	attached, err := blind.attach(t.Context(), site{})
	if err != nil {
		t.Fatal(err)
	}
	if err := attached.detach(); err != nil || !attached.saw() {
		t.Errorf("detach: %v, saw %v", err, attached.saw())
	}
}

func TestToolThatCannotRunSaysWhy(t *testing.T) {
	for _, test := range []struct {
		tool tool
		want string
	}{
		{shell("echo warming up; echo 'no BTF in this kernel' >&2; exit 1"), "no BTF in this kernel"},
		{shell("exit 3"), "ended without a word: exit status 3"},
		{shell(`echo "process $1 does not exist"; exit 1`), "process 4242 does not exist"},
		{tool{argv: []string{"/nonexistent/tracer"}}, "start tracer: "},
	} {
		_, err := test.tool.attach(t.Context(), site{pid: 4242})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("attach = %v, want an error with %q", err, test.want)
		}
	}
}

func TestToolIsKilledWhenTheRunIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := shell("trap '' INT; exec sleep 600").attach(ctx, site{}); !errors.Is(err, context.Canceled) {
		t.Errorf("attach = %v, want that it was cancelled", err)
	}
}

func TestSilentToolIsReadyWhenCallsCostMore(t *testing.T) {
	silent := shell(untilInterrupted("echo getppid"))
	silent.slowdown = 1e-6 // "more" than a millionth of what they cost
	m := testMeter(t)
	defer m.stop()
	attached, err := silent.attach(t.Context(), site{meter: m})
	if err != nil {
		t.Fatal(err)
	}
	if err := attached.detach(); err != nil {
		t.Error(err)
	}

	silent = shell("echo 'not permitted'; exit 1")
	silent.slowdown = 1e6
	if _, err := silent.attach(t.Context(), site{meter: m}); err == nil || err.Error() != "not permitted" {
		t.Errorf("attach = %v, want what the tool said", err)
	}
}

func TestFillPID(t *testing.T) {
	words := []string{"strace", "-p", "{pid}", "--x={pid}"}
	if got, want := fillPID(words, 17), []string{"strace", "-p", "17", "--x=17"}; !slices.Equal(got, want) {
		t.Errorf("fillPID = %q, want %q", got, want)
	}
	if words[2] != "{pid}" {
		t.Error("fillPID changed its argument")
	}
}

func TestProgramIDInFdinfo(t *testing.T) {
	for _, test := range []struct {
		fdinfo string
		want   ebpf.ProgramID
		ok     bool
	}{
		{"pos:\t0\nflags:\t02000002\nlink_type:\ttracing\nprog_id:\t3794\nattach_type:\t23\n", 3794, true},
		{"pos:\t0\nprog_type:\t26\nprog_jited:\t1\nprog_id:\t7", 7, true},
		{"pos:\t0\nflags:\t0100002\n", 0, false},
		{"prog_id:\t0\n", 0, false},
		{"prog_id:\t-1\n", 0, false},
		{"prog_id:\t99999999999\n", 0, false},
		{"", 0, false},
	} {
		got, ok := programID(test.fdinfo)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("programID(%q) = %d, %v", test.fdinfo, got, ok)
		}
	}
}

func TestAProcessWithoutBPFHoldsNoPrograms(t *testing.T) {
	for _, pid := range []int{os.Getpid(), 0} {
		if held := heldPrograms(pid); len(held) != 0 {
			t.Errorf("process %d holds %v", pid, held)
		}
	}
	if err := awaitGone(t.Context(), nil); err != nil {
		t.Errorf("waiting for nothing: %v", err)
	}
}

func TestProgramsSinceAndNames(t *testing.T) {
	before := programs{1: "a", 2: "b"}
	now := programs{2: "b", 3: "evil\x1b[0m", 4: "b", 5: "b"}
	if got := now.since(before).names(); got != "b, evil [0m" {
		t.Errorf("names of the new ones: %q", got)
	}
}
