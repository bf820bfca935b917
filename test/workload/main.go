//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Workload issues system calls whose numbers and times are known exactly, and
// says so in one line of JSON: what a tracer reports is held against it.
//
//	workload count [-wait] [-getppid N] [-until-term] [-read-zero N] [-openat-fail N]
//	workload slow  [-wait] [-linger] -op read|fsync|openat -path FILE
//
// With -wait it prints {"pid":N,"ready":true} and waits until standard input
// has something to read or ends, so that a tracer can be pointed at it. With
// -linger it stays until standard input ends, so that it can be looked at. From
// the ready line to its last, the process issues no getppid, read or openat but
// those that were asked for: all of them come from one locked thread as raw
// system calls, and the Go runtime (which reads a file or two when it starts)
// has no reason of its own to call them any more (least of all with the two
// settings above, which keep it from reading its cgroup's files).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
)

func main() {
	// Before the first call and for good: tid and counts are this thread's.
	runtime.LockOSThread()
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "workload:", err)
		os.Exit(1)
	}
}

// run carries out the command line args and prints its result to out.
func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("no command: say count or slow")
	}
	switch args[0] {
	case "count":
		return runCount(args[1:], out)
	case "slow":
		return runSlow(args[1:], out)
	}
	return fmt.Errorf("no command %q: say count or slow", args[0])
}

func runCount(args []string, out io.Writer) error {
	var plan countPlan
	flags := flag.NewFlagSet("count", flag.ContinueOnError)
	flags.Uint64Var(&plan.Getppid, "getppid", 0, "number of getppid calls")
	flags.BoolVar(&plan.untilTerm, "until-term", false, "call getppid until SIGTERM comes, whatever number it is then")
	flags.Uint64Var(&plan.ReadZero, "read-zero", 0, "number of reads of one byte of /dev/zero")
	flags.Uint64Var(&plan.OpenatFail, "openat-fail", 0, "number of openat calls that fail with ENOENT")
	wait := flags.Bool("wait", false, "wait for standard input before the first call")
	if err := parse(flags, args); err != nil {
		return err
	}
	result, err := count(plan, gate(*wait, out))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

func runSlow(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("slow", flag.ContinueOnError)
	op := flags.String("op", "", "read, fsync or openat")
	path := flags.String("path", "", "the file to call it on")
	wait := flags.Bool("wait", false, "wait for standard input before the call")
	linger := flags.Bool("linger", false, "stay until standard input ends")
	if err := parse(flags, args); err != nil {
		return err
	}
	result, err := slow(*op, *path, gate(*wait, out))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if *linger {
		return awaitEnd(int32(os.Stdin.Fd()))
	}
	return nil
}

func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

// gate gives what has to be called between the preparations and the calls: it
// prints the ready line and waits for standard input, if that is wanted.
func gate(wait bool, out io.Writer) func() error {
	return func() error {
		if !wait {
			return nil
		}
		if _, err := fmt.Fprintf(out, "{\"pid\":%d,\"ready\":true}\n", os.Getpid()); err != nil {
			return fmt.Errorf("print ready line: %w", err)
		}
		return awaitInput(int32(os.Stdin.Fd()))
	}
}
