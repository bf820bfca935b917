package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// workload is a real program with many system calls, which takes a quarter of a second: the shorter a
// run is, the likelier it is that nobody disturbs the whole of it.
type workload struct {
	key, name string
	argv      []string
	dir       string
	// reset brings dir back to where the next run begins.
	reset func() error
	// operations of which its last line gives the rate, as perf bench does: so its start does not count; 0: it does.
	operations int
}

// workloads makes the real programs below dir. Each of them works in memory
// alone: a disk would add its own, far larger, noise.
func workloads(dir string) ([]workload, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	build, err := buildWorkload(filepath.Join(dir, "build"))
	if err != nil {
		return nil, err
	}
	database, err := databaseWorkload(filepath.Join(dir, "database"))
	if err != nil {
		return nil, err
	}
	server := workload{
		key: serverKey, name: fmt.Sprintf("network server: %d HTTP requests over loopback", serverRequests),
		argv: []string{self, serverCommand, strconv.Itoa(serverRequests)}, dir: dir,
		reset: func() error { return nil },
	}
	return []workload{build, database, server, pipeWorkload(dir)}, nil
}

// selectWorkloads are those with the keys, in the order that they have; nil: all.
func selectWorkloads(all []workload, keys []string) ([]workload, error) {
	if keys == nil {
		return all, nil
	}
	var known []string
	for _, w := range all {
		known = append(known, w.key)
	}
	for _, key := range keys {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("-programs %q: must be among %s", key, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(w workload) bool { return !slices.Contains(keys, w.key) }), nil
}

// pipeRounds is how often two threads on one CPU hand a byte to each other: four
// calls and two context switches each time, and hardly anything else.
const (
	buildKey    = "build"
	pipeKey     = "pipe"
	serverKey   = "server"
	databaseKey = "database"
	pipeRounds  = 20_000
)

func pipeWorkload(dir string) workload {
	last := strconv.Itoa(numCPU() - 1)
	return workload{
		key: pipeKey, name: fmt.Sprintf("perf bench sched pipe on one CPU, %d rounds", pipeRounds),
		argv: []string{"taskset", "-c", last, "perf", "bench", "sched", "pipe", "-l", strconv.Itoa(pipeRounds)}, dir: dir, operations: pipeRounds,
		reset: func() error { return nil },
	}
}

// buildFiles is how many C files the build compiles: processes that live for
// some 20 ms, execs, page faults, many small files.
const buildFiles = 12

// buildWorkload writes a small project for make and cc.
func buildWorkload(dir string) (workload, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return workload{}, fmt.Errorf("make build directory: %w", err)
	}
	for name, text := range buildSources(buildFiles) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return workload{}, fmt.Errorf("write build sources: %w", err)
		}
	}
	return workload{
		key: buildKey, name: fmt.Sprintf("build: make -j, %d C files", buildFiles),
		argv: []string{"make", "-s", "-j", strconv.Itoa(numCPU())}, dir: dir,
		reset: func() error {
			made, err := filepath.Glob(filepath.Join(dir, "*.o"))
			for _, path := range append(made, filepath.Join(dir, "program")) {
				if removed := os.Remove(path); !errors.Is(removed, os.ErrNotExist) {
					err = errors.Join(err, removed)
				}
			}
			return err
		},
	}, nil
}

// buildSources are the files of a project of n C files, by name.
func buildSources(n int) map[string]string {
	files := make(map[string]string, n+2)
	var objects, declarations, calls strings.Builder
	for i := range n {
		fmt.Fprintf(&objects, " part%d.o", i)
		fmt.Fprintf(&declarations, "int part%d(const char *);\n", i)
		fmt.Fprintf(&calls, " + part%d(\"x\")", i)
		files[fmt.Sprintf("part%d.c", i)] = fmt.Sprintf(
			"#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\nint part%d(const char *s) { return (int)strlen(s) + %d; }\n", i, i)
	}
	files["main.c"] = declarations.String() + "int main(void) { return 0" + calls.String() + "; }\n"
	files["Makefile"] = "program: main.o" + objects.String() + "\n\t$(CC) -o $@ $^\n"
	return files
}

// databaseRows is how many transactions of one row the database makes, each of
// some 20 calls: locks, a journal that comes and goes, reads and writes.
const databaseRows = 1500

// databaseWorkload writes a script for sqlite3. Without fsync, which would
// measure the disk.
func databaseWorkload(dir string) (workload, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return workload{}, fmt.Errorf("make database directory: %w", err)
	}
	script, database := filepath.Join(dir, "rows.sql"), filepath.Join(dir, "rows.db")
	if err := os.WriteFile(script, []byte(databaseScript(databaseRows)), 0o644); err != nil {
		return workload{}, fmt.Errorf("write database script: %w", err)
	}
	return workload{
		key: databaseKey, name: fmt.Sprintf("database: sqlite3, %d transactions", databaseRows),
		argv: []string{"sqlite3", "-batch", "-init", script, database, ".quit"}, dir: dir,
		reset: func() error {
			if err := os.Remove(database); !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return nil
		},
	}, nil
}

func databaseScript(rows int) string {
	var script strings.Builder
	script.WriteString("PRAGMA synchronous = OFF;\nCREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT);\n")
	for i := range rows {
		fmt.Fprintf(&script, "INSERT INTO rows VALUES (%d, 'row %d of a small table');\n", i, i)
	}
	return script.String()
}

// withoutMake leaves out what "make bench" hands on to the make of the build: its
// flags, and a job server that it does not share.
func withoutMake(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "MAKEFLAGS" || name == "MFLAGS" || name == "MAKELEVEL" || name == "MAKEOVERRIDES"
	})
}

// waiting is a workload that has its process already, and its tracer can be
// attached, but that has not begun.
type waiting struct {
	workload
	cmd   *exec.Cmd
	begin io.WriteCloser
	out   *output
}

// prepare starts w as a shell that becomes the program when it is told to.
func (w workload) prepare(ctx context.Context) (*waiting, error) {
	if err := w.reset(); err != nil {
		return nil, fmt.Errorf("clean up for %s: %w", w.key, err)
	}
	argv := append([]string{"-c", `read -r _ && exec "$@"`, "sh"}, w.argv...)
	cmd := exec.CommandContext(ctx, "/bin/sh", argv...)
	cmd.Dir = w.dir
	cmd.Env = withoutMake(os.Environ())
	out := watch()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with its children
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", w.key, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", w.key, err)
	}
	return &waiting{workload: w, cmd: cmd, begin: stdin, out: out}, nil
}

// run lets it go and gives the seconds until its end, or those that it says its operations took.
func (w *waiting) run() (float64, error) {
	start := time.Now()
	if _, err := io.WriteString(w.begin, "\n"); err != nil {
		return 0, fmt.Errorf("let it begin: %w", err)
	}
	if err := w.begin.Close(); err != nil {
		return 0, fmt.Errorf("let it begin: %w", err)
	}
	if err := w.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, w.out.lastLine())
	}
	took := time.Since(start).Seconds()
	if w.operations == 0 {
		return took, nil
	}
	rate, unit, _ := strings.Cut(w.out.lastLine(), " ")
	perSecond, err := strconv.ParseFloat(rate, 64)
	if err != nil || unit != "ops/sec" || perSecond <= 0 {
		return 0, fmt.Errorf("its last line is %q: must be a number and ops/sec", w.out.lastLine())
	}
	return float64(w.operations) / perSecond, nil
}

// abandon ends it without a run.
func (w *waiting) abandon() {
	_ = w.begin.Close()
	_ = w.cmd.Wait() // read fails at the end of the pipe, and so does the shell
}
