package kernels

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// consoleOf joins lines as a serial terminal does.
func consoleOf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func TestAConsoleIsTakenApart(t *testing.T) {
	got := parseConsole(consoleOf(
		"[    0.000000] Linux version 6.1",
		"@begin bpf tests",
		"@out === RUN   TestX",
		"[   12.000000] an oops",
		"@err a complaint",
		"@out ",
		"@exit 1",
		"@begin syscountd",
		"@exit 0",
		"@taint 512",
		"@kernel WARNING: CPU: 0",
		"@done 2",
		"[   20.000000] reboot: Power down"))
	want := transcript{
		steps: []stepResult{
			{name: "bpf tests", out: []string{"=== RUN   TestX", ""}, err: []string{"a complaint"}, ended: true, status: 1},
			{name: "syscountd", ended: true},
		},
		done: true, taint: "512", kernel: []string{"WARNING: CPU: 0"},
		others: []string{"[    0.000000] Linux version 6.1", "[   12.000000] an oops", "[   20.000000] reboot: Power down"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAnIncompleteConsoleIsNotDone(t *testing.T) {
	for name, c := range map[string]struct {
		console string
		ended   int // steps that have ended
	}{
		"nothing":               {"", 0},
		"before init":           {consoleOf("[    0.0] Linux", "[    1.0] Kernel panic"), 0},
		"within a step":         {consoleOf("@begin a", "@out x"), 0},
		"within a line":         {"@begin a\r\n@ex", 0},
		"after a step":          {consoleOf("@begin a", "@exit 0"), 1},
		"without its beginning": {consoleOf("@exit 0", "@done 1"), 0},
		"another plan":          {consoleOf("@begin a", "@exit 0", "@done 2"), 1},
		"no number":             {consoleOf("@begin a", "@exit zero", "@done one"), 0},
	} {
		got := parseConsole(c.console)
		ended := 0
		for _, step := range got.steps {
			if step.ended {
				ended++
			}
		}
		if got.done || ended != c.ended {
			t.Errorf("%s: done %v, %d steps ended; want not done, %d", name, got.done, ended, c.ended)
		}
	}
}

func TestResultsOfTests(t *testing.T) {
	got := testResults([]string{
		"=== RUN   TestA", "=== RUN   TestA/sub_test", "    a_test.go:1: --- PASS: not (a result)",
		"--- FAIL: TestA (0.10s)", "    --- PASS: TestA/sub_test (0.00s)",
		"--- SKIP: TestB (0.00s)", "    b_test.go:2: no such feature", "--- PASS: TestC (12.00s)",
		"PASS", "ok  	x	0.1s",
	})
	want := []testResult{{"TestA", "FAIL", 100 * time.Millisecond}, {"TestA/sub_test", "PASS", 0}, {"TestB", "SKIP", 0}, {"TestC", "PASS", 12 * time.Second}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	if got, want := slowest(got, 1), "12 s in 3 tests, 12 of them in TestC 12 s"; got != want {
		t.Errorf("slowest: %s; want %s", got, want)
	}
}

func TestTailSaysWhatItLeavesOut(t *testing.T) {
	lines := []string{"a", "b", "c"}
	for n, want := range map[int]string{3: "a\nb\nc", 5: "a\nb\nc", 2: "(1 lines left out)\nb\nc"} {
		if got := tail(lines, n); got != want {
			t.Errorf("%d of 3: %q; want %q", n, got, want)
		}
	}
	if got := tail(nil, 2); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestComplaintsAreThoseOfOneTest(t *testing.T) {
	lines := strings.Split(`=== RUN   TestA
    a_test.go:1: a log
=== RUN   TestA/x
    a_test.go:2: x is wrong
=== RUN   TestA/y
    a_test.go:3: y too
=== NAME  TestA
    a_test.go:4: so is A
--- FAIL: TestA (0.10s)
    --- FAIL: TestA/x (0.05s)
    --- FAIL: TestA/y (0.05s)
FAIL`, "\n")
	for test, want := range map[string][]string{
		"TestA":   {"a_test.go:1: a log", "a_test.go:4: so is A", "FAIL"},
		"TestA/x": {"a_test.go:2: x is wrong"},
		"TestA/y": {"a_test.go:3: y too"},
		"TestB":   nil,
	} {
		if got := complaints(lines, test); !slices.Equal(got, want) {
			t.Errorf("%s: %q; want %q", test, got, want)
		}
	}
}
