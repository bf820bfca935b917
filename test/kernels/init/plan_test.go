package main

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

// failsAtFirst is a test binary whose tests pass when they run again.
var failsAtFirst = []string{"/bin/sh", "-c", `
	if [ -n "$1" ]; then echo "again $1"; exit 0; fi
	echo "--- FAIL: TestA (0.00s)"; echo "--- FAIL: TestB (0.00s)"; exit 1`, "sh"}

func TestACommandsOutputAndStatusAreReported(t *testing.T) {
	for _, c := range []struct {
		name   string
		step   guest.Step
		status int
		want   []string // the lines, of which those of both streams may come in any order
	}{
		{"well", guest.Step{Args: []string{"/bin/sh", "-c", "echo out; echo err >&2"}}, 0, []string{"@out out", "@err err"}},
		{"status", guest.Step{Args: []string{"/bin/sh", "-c", "exit 69"}}, 69, nil},
		{"signal", guest.Step{Args: []string{"/bin/sh", "-c", "kill -KILL $$"}}, 137, nil},
		{"no last line feed", guest.Step{Args: []string{"/bin/sh", "-c", "printf x"}}, 0, []string{"@out x"}},
		{"control characters", guest.Step{Args: []string{"/bin/sh", "-c", `printf 'a\r@exit 0\n'`}}, 0, []string{"@out a\uFFFD@exit 0"}},
		{"directory", guest.Step{Args: []string{"/bin/sh", "-c", "pwd"}, Dir: "/proc"}, 0, []string{"@out /proc"}},
		{"no directory", guest.Step{Args: []string{"/bin/sh", "-c", "pwd"}}, 0, []string{"@out /"}},
		{"environment", guest.Step{Args: []string{"/bin/sh", "-c", `echo "$X${PATH:+ kept}"`}, Env: []string{"X=y z"}}, 0, []string{"@out y z kept"}},
		{"missing", guest.Step{Args: []string{"/nonexistent"}}, 127, []string{"@err "}},
		{"too long a line", guest.Step{Args: []string{"/bin/sh", "-c", "head -c 2000000 /dev/zero | tr '\\0' x"}}, 0,
			[]string{"@err init: read the command's output: "}},
		{"again", guest.Step{Args: failsAtFirst, Again: true}, 0, []string{
			"@out --- FAIL: TestA (0.00s)", "@out --- FAIL: TestB (0.00s)", "@out again -test.run=^(TestA|TestB)$"}},
		{"not again", guest.Step{Args: failsAtFirst}, 1, []string{"@out --- FAIL: TestA (0.00s)", "@out --- FAIL: TestB (0.00s)"}},
		{"stopped", guest.Step{Args: []string{"/bin/sh", "-c", "trap 'echo end; exit 3' TERM; echo go; while :; do :; done"},
			StopAt: "go"}, 3, []string{"@out go", "@out end"}},
	} {
		var lines strings.Builder
		status := (&console{w: &lines}).run(c.step)
		if status != c.status {
			t.Errorf("%s: status %d; want %d", c.name, status, c.status)
		}
		rest := lines.String()
		for _, want := range c.want {
			if !strings.Contains(rest, want) {
				t.Errorf("%s: no line %q in %q", c.name, want, rest)
			}
		}
		if got := strings.Count(rest, "\n"); got != len(c.want) {
			t.Errorf("%s: %d lines %q; want %d", c.name, got, rest, len(c.want))
		}
	}
}

func TestTheTaintOfThisKernelIsRead(t *testing.T) {
	if _, err := taint(); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyNewTaintIsReported(t *testing.T) {
	for _, c := range []struct {
		before, now uint64
		want        string
	}{
		{0, 0, ""}, {4096, 4096, ""}, {4096, 0, ""}, {0, 512, "@taint 512\n@kernel "}, {4096, 4096 | 128, "@taint 128\n@kernel "},
	} {
		var lines strings.Builder
		if err := (&console{w: &lines}).reportTaint(c.before, c.now); err != nil {
			t.Fatal(err)
		}
		if got := lines.String(); !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%d, then %d: %q; want %q", c.before, c.now, got, c.want)
		}
	}
}

func TestOrphansAreReapedUntilTheLast(t *testing.T) {
	start := func(script string) int {
		pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	// The second one ends when the first is not only dead, but reaped.
	first := start("exit 1")
	last := start("while kill -0 " + strconv.Itoa(first) + " 2>/dev/null; do :; done")
	if err := reapUntil(last); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{first, last} {
		if _, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
			t.Errorf("process %d: %v; want that it is reaped", pid, err)
		}
	}
	if err := reapUntil(last); err == nil {
		t.Error("no error, though there are no children")
	}
}
