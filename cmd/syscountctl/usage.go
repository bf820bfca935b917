package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/syscountd/syscountd/agent/syscalls"
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

// didYouMean ends a sentence with the word that was probably meant, if any is near.
func didYouMean(text string, allowed []string) string {
	if near := syscalls.Suggest(text, allowed); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// flagError says what a flag takes, instead of how the library failed to read it.
func flagError(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag := invalid.GetFlag()
	want := map[string]string{
		"uint32":   "a whole number from 0 to 4294967295",
		"duration": "a duration with its unit, such as 500us, 20ms or 1.5s",
		"bool":     "true or false",
	}[flag.Value.Type()]
	if want == "" {
		return err
	}
	return usagef("--%s %.40q: must be %s", flag.Name, invalid.GetValue(), want)
}
