// Bench measures what a tracer costs: syscountd in its modes, and its peers, in
// one run, interleaved. "make bench" runs it; docs/benchmarks.md is what it
// writes and says how it measures.
//
//	bench [-rounds N] [-program-rounds N] [-rows N] [-only KEYS] [-short] [-json] [-write FILE]
//
// The same binary is the load of the measurements ("bench load CPU"), a process with
// many rows ("bench rows CPU") and one of the real programs ("bench server REQUESTS").
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The commands that the bench runs itself with.
const (
	loadCommand   = "load"
	echoCommand   = "echo"
	webCommand    = "web"
	rowsCommand   = "rows"
	serverCommand = "server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// run carries out the command line args.
func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	if len(args) == 2 && isCommand(args[0]) {
		return serve(ctx, args[0], args[1], in, out)
	}
	o, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("tracing needs root; run 'sudo make bench'")
	}
	r, err := measure(ctx, o, progress)
	if err != nil {
		return err
	}
	return o.publish(r, out)
}

func isCommand(word string) bool {
	return slices.Contains([]string{loadCommand, rowsCommand, serverCommand, echoCommand, webCommand}, word)
}

// serve is what the bench runs itself for.
func serve(ctx context.Context, command, argument string, in io.Reader, out io.Writer) error {
	number, err := strconv.Atoi(argument)
	if err != nil || number < 0 {
		return fmt.Errorf("%s %q: must be a number", command, argument)
	}
	switch command {
	case loadCommand:
		return serveLoad(in, out, number)
	case rowsCommand:
		return serveRows(in, out, number)
	case echoCommand:
		return echo()
	case webCommand:
		return serveWeb(in, out)
	}
	return serveRequests(ctx, number)
}

// publish prints the result, and writes it to the file that was asked for.
func (o options) publish(r *result, out io.Writer) error {
	if o.write != "" {
		if err := os.WriteFile(o.write, []byte(r.markdown()), 0o644); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
	}
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		return nil
	}
	if _, err := io.WriteString(out, r.text()); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// memory is a directory that no disk is behind, where there is one: even without
// fsync a disk's file system now and then waits for its journal.
func memory() string {
	const shm = "/dev/shm"
	var fs unix.Statfs_t
	if err := unix.Statfs(shm, &fs); err == nil && fs.Type == unix.TMPFS_MAGIC {
		return shm
	}
	return os.TempDir()
}

// measure makes a result: the whole of a run.
func measure(ctx context.Context, o options, progress io.Writer) (r *result, err error) {
	dir, err := os.MkdirTemp(memory(), "syscountd-bench-")
	if err != nil {
		return nil, fmt.Errorf("make temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cpus, err := allowedCPUs()
	if err != nil {
		return nil, err
	}
	loadCPU, rest, err := split(cpus, o.cpu)
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, all: cpus, rest: rest, progress: progress, result: &result{
		Started: time.Now(), Settings: o.settings(loadCPU),
		Machine: describeMachine(), Versions: toolVersions(o.syscountd),
	}}
	if err := l.furnish(dir, o); err != nil {
		return nil, err
	}
	unmount, err := l.checkHost(len(rest) > 0 && rest[0] != loadCPU)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	if err := l.calls(ctx); err != nil {
		return nil, err
	}
	if err := l.slowCalls(ctx); err != nil {
		return nil, err
	}
	if err := l.rows(ctx); err != nil {
		return nil, err
	}
	if err := l.programs(ctx); err != nil {
		return nil, err
	}
	l.noteStrangers()
	l.noteDisturbance()
	l.result.Goals = l.result.goals()
	l.result.Took = time.Since(l.result.Started).Seconds()
	for _, s := range l.result.Subjects {
		s.Failure = strings.ReplaceAll(s.Failure, dir+"/", "")
	}
	return l.result, nil
}

// furnish makes the subjects and the real programs.
func (l *lab) furnish(dir string, o options) error {
	all, err := subjects(dir, o.syscountd)
	if err != nil {
		return err
	}
	if l.subjects, err = selectSubjects(all, o.only); err != nil {
		return err
	}
	for _, s := range l.subjects {
		l.result.Subjects = append(l.result.Subjects, newSubjectResult(s))
	}
	l.syscountd = o.syscountd
	l.rowService = newRowService(dir, o.syscountd, rowInterval)
	programs, err := workloads(dir)
	if err != nil {
		return err
	}
	if l.workloads, err = selectWorkloads(programs, o.programs); err != nil {
		return err
	}
	for _, piece := range pieceNames {
		of := piece
		if piece == processKey {
			of = buildKey
		}
		if slices.ContainsFunc(l.workloads, func(w workload) bool { return w.key == of }) {
			l.pieces = append(l.pieces, piece)
		}
	}
	l.result.Pieces = l.pieces
	return nil
}
