package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent/policy"
)

// timeout bounds a whole command. The service answers within 20 s, with a
// sentence when it cannot; where somebody can be asked for a password, that may take
// two minutes more.
const (
	timeout            = 25 * time.Second
	interactiveTimeout = timeout + 2*time.Minute
)

// app is one run of the program.
type app struct {
	env
	json    bool // --json
	started bool // the command line was understood: what fails now is no mistake of usage
}

// run executes one command line, without the program's name, and returns the
// exit code.
func run(ctx context.Context, e env, args []string) int {
	limit := timeout
	if e.interactive {
		limit = interactiveTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a := &app{env: e}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !a.started {
		err = &usageError{err}
	}
	if errors.Is(err, errToldAlready) {
		return exitFailure
	}
	fmt.Fprintf(e.stderr, "syscountctl: %v\n", err)
	var bad *policy.Error
	if errors.As(err, &bad) {
		fmt.Fprint(e.stderr, bad.Snippet())
	}
	if hint := hintFor(err, cmd.CommandPath()); hint != "" {
		fmt.Fprintln(e.stderr, hint)
	}
	return exitCode(err, cmd.Name())
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "syscountctl",
		Short:         "Control syscountd, the flight recorder for slow system calls",
		Long:          "syscountctl controls a running syscountd over D-Bus and shows what it has seen.\n\n" + exitCodesHelp,
		Version:       version,
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, for the commands that read")
	root.AddCommand(a.statusCommand(), a.startCommand(), a.stopCommand(), a.filterCommand(),
		a.thresholdCommand(), a.modeCommand(), a.reloadCommand(), a.flushCommand(), a.summaryCommand(), a.slowCommand(), a.stuckCommand(),
		a.policyCommand())
	return root
}
