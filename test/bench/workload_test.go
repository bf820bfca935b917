package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// script is a workload that is a shell script.
func script(dir, text string) workload {
	return workload{key: "script", name: "a script", argv: []string{"/bin/sh", "-c", text}, dir: dir, reset: func() error { return nil }}
}

func TestProgramBeginsWhenItIsTold(t *testing.T) {
	dir := t.TempDir()
	program, err := script(dir, "echo $$ > began").prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "began")); err == nil {
		t.Error("it began by itself")
	}
	seconds, err := program.run()
	if err != nil || seconds <= 0 {
		t.Fatalf("run: %v s, %v", seconds, err)
	}
	// The process that a tracer was attached to is the program itself.
	if got, want := readText(filepath.Join(dir, "began")), strconv.Itoa(program.cmd.Process.Pid); got != want {
		t.Errorf("the program is process %s, prepared was %s", got, want)
	}
}

func TestProgramThatFailsSaysWhy(t *testing.T) {
	program, err := script(t.TempDir(), "echo 'disk is full' >&2; exit 7").prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.run(); err == nil || !strings.Contains(err.Error(), "exit status 7: disk is full") {
		t.Errorf("run: %v", err)
	}
}

func TestProgramThatTellsItsRateIsTakenByIt(t *testing.T) {
	run := func(text string) (float64, error) {
		w := script(t.TempDir(), text)
		w.operations = 500
		program, err := w.prepare(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return program.run()
	}
	if seconds, err := run("sleep 0.1; echo; echo '   2000 ops/sec'"); err != nil || seconds != 0.25 {
		t.Errorf("%v s, %v; want the 0.25 s of 500 operations", seconds, err)
	}
	for _, last := range []string{"2000 usecs/op", "0 ops/sec", "many ops/sec", "ops/sec"} {
		if seconds, err := run("echo '" + last + "'"); err == nil || !strings.Contains(err.Error(), last) {
			t.Errorf("%q: %v s, %v", last, seconds, err)
		}
	}
}

func TestAbandonedProgramDoesNotRun(t *testing.T) {
	dir := t.TempDir()
	program, err := script(dir, "touch began").prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	program.abandon()
	if _, err := os.Stat(filepath.Join(dir, "began")); err == nil {
		t.Error("it ran")
	}
	if err := syscall.Kill(program.cmd.Process.Pid, 0); err == nil {
		t.Error("its process is still there")
	}
}

func TestCancelledProgramEndsWithItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	program, err := script(t.TempDir(), "sleep 600; true").prepare(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := program.run(); err == nil {
		t.Error("it ended well")
	}
}

func TestWorkloadsAreThereAndResettable(t *testing.T) {
	dir := t.TempDir()
	list, err := workloads(dir)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, w := range list {
		keys = append(keys, w.key)
		if err := w.reset(); err != nil {
			t.Errorf("%s: reset when there is nothing to do: %v", w.key, err)
		}
		if info, err := os.Stat(w.dir); err != nil || !info.IsDir() {
			t.Errorf("%s: directory: %v", w.key, err)
		}
	}
	if got := strings.Join(keys, " "); got != "build database server pipe" {
		t.Errorf("workloads: %s", got)
	}
}

func TestResetRemovesWhatARunMade(t *testing.T) {
	dir := t.TempDir()
	list, err := workloads(dir)
	if err != nil {
		t.Fatal(err)
	}
	made := []string{"build/main.o", "build/part3.o", "build/program", "database/rows.db"}
	kept := []string{"build/main.c", "build/Makefile", "database/rows.sql"}
	for _, name := range made {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range list {
		if err := w.reset(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range made {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestBuildSourcesFitTogether(t *testing.T) {
	files := buildSources(2)
	if len(files) != 4 {
		t.Errorf("%d files, want 2 parts, main and the Makefile", len(files))
	}
	for name, part := range map[string]string{
		"part1.c":  "int part1(const char *s)",
		"main.c":   `return 0 + part0("x") + part1("x");`,
		"Makefile": "program: main.o part0.o part1.o\n\t",
	} {
		if !strings.Contains(files[name], part) {
			t.Errorf("%s has no %q:\n%s", name, part, files[name])
		}
	}
}

func TestBuildDoesNotInheritMakesFlags(t *testing.T) {
	got := withoutMake([]string{"PATH=/bin", "MAKEFLAGS= -j4", "MAKELEVEL=1", "CC=gcc", "MAKER=me"})
	if want := []string{"PATH=/bin", "CC=gcc", "MAKER=me"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

func TestDatabaseScriptIsOneTransactionPerRow(t *testing.T) {
	text := databaseScript(3)
	if got := strings.Count(text, "INSERT INTO rows"); got != 3 {
		t.Errorf("%d rows, want 3", got)
	}
	if strings.Contains(text, "BEGIN") || !strings.Contains(text, "synchronous = OFF") {
		t.Errorf("rows in one transaction, or waiting for the disk:\n%s", text)
	}
}

func TestServerAnswersEveryRequest(t *testing.T) {
	for _, n := range []int{0, 1, 3, 50} {
		if err := serveRequests(t.Context(), n); err != nil {
			t.Errorf("%d requests: %v", n, err)
		}
	}
}

func TestServerEndsWhenItIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serveRequests(ctx, 10); err == nil {
		t.Error("answered requests that were cancelled")
	}
}

func TestProgramsAreSelectedByKey(t *testing.T) {
	all := func() []workload { return []workload{{key: "build"}, {key: serverKey}, {key: pipeKey}} }
	if got, err := selectWorkloads(all(), nil); err != nil || len(got) != 3 {
		t.Errorf("all: %d, %v", len(got), err)
	}
	if got, err := selectWorkloads(all(), []string{pipeKey, "build"}); err != nil || len(got) != 2 || got[0].key != "build" || got[1].key != pipeKey {
		t.Errorf("two: %v, %v", got, err)
	}
	if _, err := selectWorkloads(all(), []string{"pip"}); err == nil || !strings.Contains(err.Error(), `-programs "pip": must be among build, server, pipe`) {
		t.Errorf("a wrong one: %v", err)
	}
}
