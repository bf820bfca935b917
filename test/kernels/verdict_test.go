package kernels

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What a machine prints when all is well.
var (
	goodTests = []string{
		"@begin bpf tests", "@out --- PASS: TestA (1.00s)", "@out --- PASS: TestB (0.00s)", "@out PASS", "@exit 0",
	}
	goodRun = []string{
		"@begin syscountd", `@out {"event":"state","change":"started"}`, `@out {"event":"interval","count":3}`,
		`@out {"event":"state","change":"stopped"}`, "@exit 0",
	}
	refusedRun = []string{
		"@begin syscountd", "@err syscountd: too old", "@exit 69",
	}
	goodWatch = []string{
		"@begin syscountd in mode watch", `@out {"event":"state","change":"started"}`,
		`@out {"event":"state","change":"stopped"}`, "@exit 0",
	}
	// Where mode watch is refused.
	lowRun = []string{
		"@begin syscountd", `@out {"event":"state","change":"started","detail":"` + lowestStep + `"}`,
		`@out {"event":"state","change":"stopped"}`, "@exit 0",
	}
	refusedWatch = []string{
		"@begin syscountd in mode watch", "@err " + noTaskWorkHere, "@exit 69",
	}
)

const noTaskWorkHere = "syscountd: not supported by this kernel: mode watch needs BPF task work (bpf_task_work_schedule_resume), " +
	"which came with Linux 6.18; Linux 6.1.0-50-cloud-amd64 has none: use mode account or count"

// wellOn is what a machine with this kernel prints when all is well.
func wellOn(k kernel) []string {
	switch {
	case k.refusal != "":
		return slices.Concat(refusedRun, []string{"@done 1"})
	case k.noTaskWork:
		return slices.Concat(goodTests, lowRun, refusedWatch, []string{"@done 3"})
	}
	return slices.Concat(goodTests, goodRun, goodWatch, []string{"@done 3"})
}

func TestAGoodMachineHasNoFaults(t *testing.T) {
	for name, c := range map[string]struct {
		kernel kernel
		lines  []string
	}{
		"supported":         {kernel{}, wellOn(kernel{})},
		"refused":           {kernel{refusal: "^syscountd: too old$"}, wellOn(kernel{refusal: "x"})},
		"without task work": {kernel{noTaskWork: true}, wellOn(kernel{noTaskWork: true})},
		"with a skip that is explained": {kernel{skips: map[string]string{"TestC": "6.4"}},
			slices.Concat([]string{"@begin bpf tests", "@out --- SKIP: TestC (0.00s)"}, goodTests[1:], goodRun, goodWatch, []string{"@done 3"})},
	} {
		if faults := c.kernel.faults(parseConsole(consoleOf(c.lines...))); len(faults) != 0 {
			t.Errorf("%s: %q", name, faults)
		}
	}
}

// Each row changes a line of a good console: the fault that must be found is given
// by words in it.
func TestFaultsAreFound(t *testing.T) {
	supported, refused := kernel{}, kernel{refusal: "^syscountd: too old$"}
	explained, low := kernel{skips: map[string]string{"TestC": "6.4"}}, kernel{noTaskWork: true}
	for _, c := range []struct {
		name     string
		kernel   kernel
		from, to string // "" is no line at all
		want     string
	}{
		{"a test fails", supported, "@out --- PASS: TestA (1.00s)", "@out --- FAIL: TestA (1.00s)", "test failed: TestA"},
		{"a test is skipped", supported, "@out --- PASS: TestA (1.00s)", "@out --- SKIP: TestA (0.00s)", "skipped, though this kernel is not known"},
		{"a skip is not needed", explained, "@out PASS", "@out PASS", "not skipped, though it should be (6.4): TestC"},
		{"the tests' status", supported, "@exit 0", "@exit 2", "the tests ended with status 2"},
		{"the tests do not end", supported, "@exit 0", "", `step "bpf tests" did not end`},
		{"no tests", supported, "@begin bpf tests", "@begin other", `step "bpf tests" was not begun`},
		{"no run", supported, "@begin syscountd", "", `step "syscountd" was not begun`},
		{"the end is missing", supported, "@done 3", "[9.9] Kernel panic - not syncing", "Kernel panic - not syncing"},
		{"a warning", supported, "@done 3", "@taint 512\r\n@kernel WARNING: at kernel/bpf\r\n@done 3", "WARNING: at kernel/bpf"},
		{"a complaint", supported, `@out {"event":"interval","count":3}`, "@err oh", "complained:\noh"},
		{"no record", supported, `@out {"event":"interval","count":3}`, "@out not JSON", `"not JSON", which is not a record`},
		{"not started", supported, `@out {"event":"state","change":"started"}`, "", `states were ["stopped"]`},
		{"not stopped", supported, `@out {"event":"state","change":"stopped"}`, "", `states were ["started"]`},
		{"accepted", refused, "@exit 69", "@exit 0", "status 0; want 69"},
		{"refused with a record", refused, "@err syscountd: too old", "@out {}\r\n@err syscountd: too old", "printed records"},
		{"refused without a word", refused, "@err syscountd: too old", "", `said ""`},
		{"refused at length", refused, "@err syscountd: too old", "@err syscountd: too old\r\n@err goroutine 1", "goroutine 1"},
		{"refused otherwise", refused, "@err syscountd: too old", "@err syscountd: no", `said "syscountd: no"`},
		{"mode watch is accepted", low, "@exit 69", "@exit 0", "status 0; want 69"},
		{"mode watch is refused without a reason", low, "@err " + noTaskWorkHere, "@err syscountd: no", `said "syscountd: no"`},
		{"mode watch is refused at length", low, "@err " + noTaskWorkHere, "@err " + noTaskWorkHere + "\r\n@err use another", "use another"},
		{"mode watch is not tried", low, "@begin syscountd in mode watch", "", `step "syscountd in mode watch" was not begun`},
		{"the ladder's end is not said", low, lowRun[1], goodRun[1], `with the words ""; want "the lowest step`},
		{"the ladder ends early", supported, goodRun[1], lowRun[1], `want ""`},
		{"mode watch is refused where it should not", supported, goodWatch[1], "@err " + noTaskWorkHere, "complained"},
	} {
		lines := wellOn(c.kernel)
		at := slices.Index(lines, c.from)
		if at < 0 {
			t.Fatalf("%s: no line %q", c.name, c.from)
		}
		if lines[at] = c.to; c.to == "" {
			lines = slices.Delete(lines, at, at+1)
		}
		faults := c.kernel.faults(parseConsole(consoleOf(lines...)))
		if !slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(fault, c.want) }) {
			t.Errorf("%s: faults %q; want one with %q", c.name, faults, c.want)
		}
	}
}

// What came of a test when it ran again is what counts, whichever it was.
func TestTheLastResultOfATestCounts(t *testing.T) {
	failed := []string{
		"@begin bpf tests", "@out --- FAIL: TestA (1.00s)", "@out     --- FAIL: TestA/x (1.00s)", "@out --- PASS: TestB (0.00s)", "@out FAIL",
	}
	rest := slices.Concat(goodRun, goodWatch, []string{"@done 3"})
	passes := slices.Concat(failed, []string{"@out --- PASS: TestA (1.00s)", "@out     --- PASS: TestA/x (1.00s)", "@exit 0"}, rest)
	if faults := (kernel{}).faults(parseConsole(consoleOf(passes...))); len(faults) != 0 {
		t.Errorf("faults %q; want none: it passed when it ran again", faults)
	}
	console := parseConsole(consoleOf(passes...))
	if again := passedAgain(console.steps[0].out); !slices.Equal(again, []string{"TestA"}) {
		t.Errorf("%q passed again; want TestA", again)
	}
	fails := slices.Concat(failed, []string{"@out --- FAIL: TestA (1.00s)", "@out     --- FAIL: TestA/x (1.00s)", "@exit 1"}, rest)
	if faults := (kernel{}).faults(parseConsole(consoleOf(fails...))); len(faults) != 3 {
		t.Errorf("faults %q; want the test, its part and the status", faults)
	}
}

func TestTestsThatRunNothingAreAFault(t *testing.T) {
	lines := slices.Concat([]string{"@begin bpf tests", "@out PASS", "@exit 0"}, goodRun, goodWatch, []string{"@done 3"})
	if faults := (kernel{}).faults(parseConsole(consoleOf(lines...))); !slices.Equal(faults, []string{"no test passed"}) {
		t.Errorf("faults %q; want that no test passed", faults)
	}
}

func TestTheMatrixHasWhatIsPromised(t *testing.T) {
	names := map[string]bool{}
	refused, busyboxes, supported := 0, map[string]bool{}, map[string]int{}
	for _, k := range matrix {
		if names[k.name()] {
			t.Errorf("%s is there twice", k.name())
		}
		names[k.name()] = true
		if k.refusal != "" {
			refused++
		} else {
			supported[k.arch.debian]++
		}
		if k.suite == busyboxSuite {
			busyboxes[k.arch.debian] = true
		}
	}
	if refused != 1 || supported["amd64"] != 3 || supported["arm64"] != 1 {
		t.Errorf("%d refused, %v supported; want 1, 3 for amd64, 1 for arm64", refused, supported)
	}
	for _, k := range matrix {
		if k.noTaskWork != (k.skips["TestWatchTellsCallsApart"] != "") {
			t.Errorf("%s: without task work %v, but the tests that need it are skipped: %v", k.name(), k.noTaskWork, !k.noTaskWork)
		}
		if !busyboxes[k.arch.debian] {
			t.Errorf("%s has no busybox: %s is not in the matrix for %s", k.name(), busyboxSuite, k.arch.debian)
		}
	}
}

func TestALongMatrixIsNoted(t *testing.T) {
	for took, want := range map[time.Duration]string{
		9*time.Minute + 12*time.Second: "all machines together took 9m12s",
		promised:                       "all machines together took 10m0s",
		11 * time.Minute:               "all machines together took 11m0s, which is longer than the 10m0s that they are to take",
	} {
		if got := tookAll(took); got != want {
			t.Errorf("%v: %q; want %q", took, got, want)
		}
	}
}
