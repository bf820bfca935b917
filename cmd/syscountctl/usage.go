package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// usagef makes a usageError.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// oneOrMore wants arguments that are not empty; what names one of them.
func oneOrMore(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s needs at least one %s", cmd.CommandPath(), what)
		}
		for _, arg := range args {
			if arg == "" {
				return usagef(`"" is no %s`, what)
			}
		}
		return nil
	}
}
