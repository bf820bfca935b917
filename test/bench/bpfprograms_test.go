package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// needRoot is for the tests that ask the kernel for other people's programs.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("loading and listing BPF programs needs root")
	}
}

func TestEmptyPairIsLoadedUntilItIsDetached(t *testing.T) {
	needRoot(t)
	before := emptyPrograms(t)
	attached, err := attachEmptyOnes(t.Context(), callTracepoints)
	if err != nil {
		t.Fatal(err)
	}
	fresh := emptyPrograms(t).since(before)
	if len(fresh) != 2 {
		t.Errorf("loaded %v, want a pair", fresh)
	}
	held := make(programs)
	for _, id := range heldPrograms(os.Getpid()) {
		held[id] = "bench_empty"
	}
	if missed := fresh.since(held); len(missed) > 0 {
		t.Errorf("our own descriptors do not tell of %v", missed)
	}
	if err := attached.detach(); err != nil || !attached.saw() {
		t.Errorf("detach: %v", err)
	}
	if left := emptyPrograms(t).since(before); len(left) > 0 {
		t.Errorf("still loaded: %v", left)
	}
}

// emptyPrograms leaves out what the rest of the host loads meanwhile.
func emptyPrograms(t *testing.T) programs {
	t.Helper()
	all, err := tracingPrograms()
	if err != nil {
		t.Fatal(err)
	}
	for id, name := range all {
		if name != "bench_empty" {
			delete(all, id)
		}
	}
	return all
}

func TestWaitForAProgramThatStaysEndsWithItsName(t *testing.T) {
	needRoot(t)
	before := emptyPrograms(t)
	attached, err := attachEmptyOnes(t.Context(), callTracepoints)
	if err != nil {
		t.Fatal(err)
	}
	defer attached.detach()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for id := range emptyPrograms(t).since(before) {
		err := awaitGone(ctx, []ebpf.ProgramID{id})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "(bench_empty)") {
			t.Errorf("waiting for a program that stays: %v", err)
		}
	}
}

func TestProgramThatIsNotThereIsGone(t *testing.T) {
	needRoot(t)
	const never = ebpf.ProgramID(1<<32 - 2)
	if _, err := programInfo(never); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("program %d: %v", never, err)
	}
	if err := awaitGone(t.Context(), []ebpf.ProgramID{never}); err != nil {
		t.Errorf("waiting for program %d: %v", never, err)
	}
}

func TestEmptyProgramNeedsATracepointThatExists(t *testing.T) {
	needRoot(t)
	if _, _, err := attachEmpty("sys_nothing"); err == nil || !strings.Contains(err.Error(), "sys_nothing") {
		t.Errorf("attach to sys_nothing: %v", err)
	}
}

func TestStrangersAreCountedAndNoted(t *testing.T) {
	needRoot(t)
	l, progress := testLab(t, 1)
	var err error
	if l.foreign, err = tracingPrograms(); err != nil {
		t.Fatal(err)
	}
	attached, err := attachEmptyOnes(t.Context(), callTracepoints)
	if err != nil {
		t.Fatal(err)
	}
	defer attached.detach()
	l.lookForStrangers()
	if l.strangers != 1 || !strings.Contains(progress.String(), "bench_empty") {
		t.Errorf("%d strangers, progress %q", l.strangers, progress)
	}
	l.noteStrangers()
	if len(l.result.Notes) != 1 || !strings.Contains(l.result.Notes[0], "at the end of 1 measurements") {
		t.Errorf("notes %q", l.result.Notes)
	}
}

func TestHostIsCheckedAndLeftAsItWas(t *testing.T) {
	needRoot(t)
	_, missing := os.Stat(tracefs + "/events")
	l, progress := testLab(t, 1)
	l.result.Machine = machine{CPUs: 2, Load: "1.50 1.00 1.00"}
	undo, err := l.checkHost(false)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(l.result.Notes, "\n")
	for _, want := range []string{"one CPU only", "load average 1.50 1.00 1.00"} {
		if !strings.Contains(notes, want) || !strings.Contains(progress.String(), want) {
			t.Errorf("no %q in notes %q, progress %q", want, notes, progress)
		}
	}
	if err := undo(); err != nil {
		t.Errorf("undo: %v", err)
	}
	if _, now := os.Stat(tracefs + "/events"); (now == nil) != (missing == nil) {
		t.Errorf("tracefs was there: %v; is there: %v", missing == nil, now == nil)
	}
}

func TestFurnishedLabHasAResultForEverySubject(t *testing.T) {
	l := &lab{result: &result{}}
	if err := l.furnish(t.TempDir(), options{syscountd: "bin/syscountd", only: []string{keyStrace}}); err != nil {
		t.Fatal(err)
	}
	if len(l.subjects) != 2 || len(l.result.Subjects) != 2 || l.result.Subjects[1].Key != keyStrace || len(l.workloads) != 4 {
		t.Errorf("%d subjects, %d results, %d programs", len(l.subjects), len(l.result.Subjects), len(l.workloads))
	}
	if err := (&lab{result: &result{}}).furnish(t.TempDir(), options{only: []string{"x"}}); err == nil {
		t.Error("a subject that does not exist was furnished")
	}
	if err := (&lab{result: &result{}}).furnish("/nonexistent", options{}); err == nil {
		t.Error("furnished a directory that does not exist")
	}
}

func TestMeasureRunsTheWholeAndCleansUp(t *testing.T) {
	needRoot(t)
	cpus, err := allowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pinSelf(cpus); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", t.TempDir())
	o := options{rounds: 1, short: true, only: []string{keyEmpty, keyProcess}, syscountd: "/nonexistent/syscountd", cpu: -1}
	r, err := measure(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if got := r.subject(keyEmpty).CallNs["getppid"]; len(got) != 1 || r.subject(keyEmpty).Failure != "" {
		t.Errorf("the empty pair: %v, %q", got, r.subject(keyEmpty).Failure)
	}
	if got := r.subject(keyProcess).Failure; !strings.Contains(got, "no such file") {
		t.Errorf("a binary that is missing: %q", got)
	}
	if len(r.Goals) == 0 || r.Took <= 0 || r.Machine.Kernel == "" {
		t.Errorf("incomplete: %+v", r)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
