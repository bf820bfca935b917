package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestEveryRoundHasEverySubjectOnceInAnotherOrder(t *testing.T) {
	const n = 15
	seen := make(map[string]bool)
	for round := range 9 {
		got := order(n, round)
		if sorted := slices.Sorted(slices.Values(got)); len(slices.Compact(sorted)) != n || sorted[0] != 0 || sorted[n-1] != n-1 {
			t.Fatalf("round %d: %v", round, got)
		}
		line := strings.Trim(strings.ReplaceAll(strings.Trim(formatInts(got), "[]"), " ", ","), ",")
		if seen[line] {
			t.Errorf("round %d has the order of an earlier one: %v", round, got)
		}
		seen[line] = true
	}
	if first := order(n, 0); first[0] != 0 || first[1] != 1 {
		t.Errorf("the first round begins with %v", first[:2])
	}
}

func formatInts(numbers []int) string {
	var line strings.Builder
	for _, number := range numbers {
		line.WriteString(" " + string(rune('a'+number)))
	}
	return line.String()
}

// fakeSubject counts what is done with it. It fails where fail says so.
type fakeSubject struct {
	attached, detached int
	pids               []int
	fail               func(attempt int) error
	blind              bool
}

func (f *fakeSubject) attach(_ context.Context, at site) (attachment, error) {
	f.attached++
	f.pids = append(f.pids, at.pid)
	if f.fail != nil {
		if err := f.fail(f.attached); err != nil {
			return attachment{}, err
		}
	}
	return attachment{
		detach: func() error { f.detached++; return nil },
		saw:    func() bool { return !f.blind },
	}, nil
}

// testLab has nothing and these subjects, and one program.
func testLab(t *testing.T, rounds int, list ...subject) (*lab, *bytes.Buffer) {
	t.Helper()
	cpus, err := allowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pinSelf(cpus); err != nil {
			t.Error(err)
		}
	})
	var progress bytes.Buffer
	l := &lab{
		subjects:  append([]subject{{key: keyNothing, name: "nothing", attach: attachNothing}}, list...),
		workloads: []workload{script(t.TempDir(), "exit 0")},
		all:       cpus, rest: cpus, progress: &progress,
		result: &result{Settings: settings{Rounds: rounds, ProgramRounds: rounds, Batches: 3, LoadCPU: testCPU(t)}},
	}
	for _, s := range l.subjects {
		l.result.Subjects = append(l.result.Subjects, newSubjectResult(s))
	}
	return l, &progress
}

func TestLabMeasuresEverySubjectInEveryRound(t *testing.T) {
	var system, process fakeSubject
	l, progress := testLab(t, 2,
		subject{key: "system", name: "a tracer of all", attach: system.attach},
		subject{key: "process", name: "a tracer of one", attach: process.attach, perProcess: true})
	if err := errors.Join(l.calls(t.Context()), l.programs(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, r := range l.result.Subjects {
		for _, call := range callNames {
			if len(r.AddedNs[call]) != 2 || r.CallNs[call].spread().Min <= 0 {
				t.Errorf("%s: %s: %v", r.Key, call, r.CallNs[call])
			}
		}
		if len(r.Seconds["script"]) != 2 {
			t.Errorf("%s: the program took %v", r.Key, r.Seconds["script"])
		}
	}
	if system.attached != 4 || system.detached != 4 {
		t.Errorf("a tracer of all: attached %d times, detached %d times", system.attached, system.detached)
	}
	if want := 2 + 2*programRuns; process.attached != want || process.detached != want {
		t.Errorf("a tracer of one: attached %d times, detached %d times; want %d", process.attached, process.detached, want)
	}
	// In the programs' rounds: none for a tracer of all, the program for the other.
	if system.pids[2] != 0 || process.pids[2] == 0 || process.pids[2] == process.pids[3] {
		t.Errorf("attached to %v and %v", system.pids, process.pids)
	}
	if !strings.Contains(progress.String(), "calls: round 2 of 2, 3 of 3: ") || !strings.Contains(progress.String(), "programs: round 1 of 2") {
		t.Errorf("progress:\n%s", progress)
	}
}

func TestSubjectThatDoesNotRunIsShownAndLeftAlone(t *testing.T) {
	broken := fakeSubject{fail: func(int) error { return errors.New("no such\ntracepoint") }}
	blind := fakeSubject{blind: true}
	l, progress := testLab(t, 3,
		subject{key: "broken", name: "broken", attach: broken.attach},
		subject{key: "blind", name: "blind", attach: blind.attach})
	if err := errors.Join(l.calls(t.Context()), l.programs(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := l.result.subject("broken").Failure; got != "no such tracepoint" {
		t.Errorf("failure %q", got)
	}
	if got := l.result.subject("blind").Failure; got != errSawNothing.Error() {
		t.Errorf("failure of the one that saw nothing: %q", got)
	}
	if broken.attached != mostWithout || blind.attached != mostWithout || blind.detached != blind.attached {
		t.Errorf("attached %d and %d times", broken.attached, blind.attached)
	}
	if len(l.result.Notes) != 0 {
		t.Errorf("notes say what the table says: %q", l.result.Notes)
	}
	if !strings.Contains(progress.String(), "broken: no such tracepoint") {
		t.Errorf("progress:\n%s", progress)
	}
}

func TestFailureOfOneRoundIsANote(t *testing.T) {
	flaky := fakeSubject{fail: func(attempt int) error {
		if attempt == 1 || attempt == 3 {
			return errors.New("busy")
		}
		return nil
	}}
	l, _ := testLab(t, 3, subject{key: "flaky", name: "a flaky one", attach: flaky.attach})
	if err := l.calls(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := l.result.subject("flaky")
	if len(r.AddedNs["getppid"]) != 1 || r.Failure != "" {
		t.Errorf("%d rounds, failure %q", len(r.AddedNs["getppid"]), r.Failure)
	}
	if want := []string{"a flaky one, round 3 of the calls: busy"}; !slices.Equal(l.result.Notes, want) {
		t.Errorf("notes %q, want %q", l.result.Notes, want)
	}
}

func TestCancelledRunEndsWithTheReason(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stopping := fakeSubject{fail: func(int) error { cancel(); return context.Canceled }}
	l, _ := testLab(t, 3, subject{key: "stopping", name: "stopping", attach: stopping.attach})
	if err := l.calls(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("calls = %v", err)
	}
	if err := l.programs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("programs = %v", err)
	}
	if stopping.attached != 1 {
		t.Errorf("attached %d times", stopping.attached)
	}
}

func TestProgramThatDoesNotRunIsLeftOutAndNoted(t *testing.T) {
	l, _ := testLab(t, 1)
	missing := script(t.TempDir(), "echo 'no compiler'; exit 1")
	missing.key, missing.name = "missing", "a build"
	l.workloads = append(l.workloads, missing)
	if err := l.programs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.result.Programs) != 1 || l.result.Programs[0].Key != "script" {
		t.Errorf("programs %+v", l.result.Programs)
	}
	if len(l.result.Notes) != 1 || !strings.Contains(l.result.Notes[0], "a build did not run: exit status 1: no compiler") {
		t.Errorf("notes %q", l.result.Notes)
	}
}

func TestProgramThatCrawlsIsNotRepeated(t *testing.T) {
	l, _ := testLab(t, 1)
	r := newSubjectResult(subject{key: "slow"})
	for _, test := range []struct {
		bare, took float64
		again      bool
	}{
		{2, 0, true}, // not run yet
		{2, 4.9, true},
		{2, 5.1, false},
		{0.1, 0.9, true},
		{0.1, 1.1, false},
	} {
		if test.took > 0 {
			put(r.Seconds, "script", 0, test.took)
		}
		if got := l.worthRepeating(r, map[string]float64{"script": test.bare}); len(got) == 1 != test.again {
			t.Errorf("%v s instead of %v s: run again %v", test.took, test.bare, !test.again)
		}
	}
}

func TestNoProgramRoundsMeanNoPrograms(t *testing.T) {
	l, progress := testLab(t, 1)
	l.result.Settings.ProgramRounds = 0
	if err := l.programs(t.Context()); err != nil || progress.Len() != 0 || len(l.result.Programs) != 0 {
		t.Errorf("programs = %v, progress %q", err, progress)
	}
}
