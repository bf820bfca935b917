package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) thresholdCommand() *cobra.Command {
	var reset bool
	cmd := &cobra.Command{
		Use:   "threshold SYSCALL DURATION | threshold --reset",
		Short: "Change from which duration on a system call is slow, without a restart",
		Long: "Change from which duration on a system call is slow, without a restart.\n\n" +
			"SYSCALL is a name or a @group. The change lasts until --reset or a reload, which go back to the policy.",
		Example: "  syscountctl threshold fdatasync 20ms\n  syscountctl threshold @sync 1.5s\n  syscountctl threshold --reset",
		Args: func(_ *cobra.Command, args []string) error {
			return thresholdArgs(args, reset)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if reset {
				return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return c.ResetThresholds(cmd.Context()) })
			}
			d, err := threshold(args[1])
			if err != nil {
				return err
			}
			if err := syscalls.Check(args[0]); err != nil {
				return usagef("%v", err)
			}
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return c.SetThreshold(cmd.Context(), args[0], d) })
		},
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "go back to the thresholds of the policy")
	return cmd
}

func thresholdArgs(args []string, reset bool) error {
	switch {
	case reset && len(args) > 0:
		return usagef("--reset takes no arguments, got %q; it resets all thresholds", args[0])
	case !reset && len(args) != 2:
		return usagef("threshold needs a system call and a duration, or --reset; got %d arguments", len(args))
	case !reset && args[0] == "":
		return usagef(`"" is no system call`)
	}
	return nil
}

// threshold reads a duration such as 20ms. The bus carries whole microseconds.
func threshold(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, usagef("%q is no duration; give for example 500us, 20ms or 1.5s", text)
	case d < time.Microsecond:
		return 0, usagef("a threshold of %s is too short; give 1us or more", text)
	case d%time.Microsecond != 0:
		return 0, usagef("a threshold of %s is too fine; give whole microseconds", text)
	}
	return d, nil
}
