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
)

func TestAGoodMachineHasNoFaults(t *testing.T) {
	for name, c := range map[string]struct {
		kernel kernel
		lines  []string
	}{
		"supported": {kernel{}, slices.Concat(goodTests, goodRun, []string{"@done 2"})},
		"refused":   {kernel{refusal: "^syscountd: too old$"}, slices.Concat(refusedRun, []string{"@done 1"})},
		"with a skip that is explained": {kernel{skips: map[string]string{"TestC": "6.4"}},
			slices.Concat([]string{"@begin bpf tests", "@out --- SKIP: TestC (0.00s)"}, goodTests[1:], goodRun, []string{"@done 2"})},
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
	explained := kernel{skips: map[string]string{"TestC": "6.4"}}
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
		{"the end is missing", supported, "@done 2", "[9.9] Kernel panic - not syncing", "Kernel panic - not syncing"},
		{"a warning", supported, "@done 2", "@taint 512\r\n@kernel WARNING: at kernel/bpf\r\n@done 2", "WARNING: at kernel/bpf"},
		{"a complaint", supported, `@out {"event":"interval","count":3}`, "@err oh", "complained:\noh"},
		{"no record", supported, `@out {"event":"interval","count":3}`, "@out not JSON", `"not JSON", which is not a record`},
		{"not started", supported, `@out {"event":"state","change":"started"}`, "", `states were ["stopped"]`},
		{"not stopped", supported, `@out {"event":"state","change":"stopped"}`, "", `states were ["started"]`},
		{"accepted", refused, "@exit 69", "@exit 0", "status 0; want 69"},
		{"refused with a record", refused, "@err syscountd: too old", "@out {}\r\n@err syscountd: too old", "printed records"},
		{"refused without a word", refused, "@err syscountd: too old", "", `said ""`},
		{"refused at length", refused, "@err syscountd: too old", "@err syscountd: too old\r\n@err goroutine 1", "goroutine 1"},
		{"refused otherwise", refused, "@err syscountd: too old", "@err syscountd: no", `said "syscountd: no"`},
	} {
		lines := slices.Concat(goodTests, goodRun, []string{"@done 2"})
		if c.kernel.refusal != "" {
			lines = slices.Concat(refusedRun, []string{"@done 1"})
		}
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

func TestTestsThatRunNothingAreAFault(t *testing.T) {
	lines := slices.Concat([]string{"@begin bpf tests", "@out PASS", "@exit 0"}, goodRun, []string{"@done 2"})
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
