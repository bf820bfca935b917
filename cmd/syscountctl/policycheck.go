package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
)

// checked is what came of the check of one policy.
type checked struct {
	File        string       `json:"file,omitempty"` // "": the files of this host
	Right       bool         `json:"right"`
	Files       []string     `json:"files,omitempty"` // it was read from
	Rules       int          `json:"rules"`
	Unreachable []string     `json:"unreachable,omitempty"` // rules that can never decide
	Note        string       `json:"note,omitempty"`        // what is right, and probably not meant
	Error       *policyError `json:"error,omitempty"`
	snippet     string
}

// policyError is what is wrong; line and column count from 1 and are left out where it is
// about the whole file.
type policyError struct {
	Sentence string `json:"sentence"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Key      string `json:"key,omitempty"`
}

func (a *app) policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Check policy files, without putting them in force",
		Long: "Check policy files, each by itself, without putting them in force. Without FILE: those that the service\n" +
			"would read now, with their drop-ins. Exit code 1: one of them is wrong.",
		Example: "  syscountctl policy check\n  syscountctl policy check /etc/syscountd/syscountd.toml.d/10-database.toml",
		RunE: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{""}
			}
			results, wrong := make([]checked, len(files)), 0
			for i, file := range files {
				if results[i] = checkPolicy(file); !results[i].Right {
					wrong++
				}
			}
			if err := a.show(results, func(w io.Writer) { printChecked(w, results) }); err != nil {
				return err
			}
			switch {
			case wrong > 0 && len(files) == 1:
				return errToldAlready
			case wrong > 0:
				return fmt.Errorf("%d of %d cannot be put in force", wrong, len(files))
			}
			return nil
		},
	}
}

func checkPolicy(file string) checked {
	p, err := readPolicy(file)
	if err == nil {
		return checked{File: file, Right: true, Files: p.Files, Rules: len(p.Rules), Unreachable: p.Unreachable(), Note: p.Replaced()}
	}
	result := checked{File: file, Error: &policyError{Sentence: record.Clean(err.Error())}}
	var bad *policy.Error
	if errors.As(err, &bad) {
		result.Error.File, result.Error.Line, result.Error.Column, result.Error.Key = bad.File, bad.Line, bad.Column, bad.Key
		result.snippet = bad.Snippet()
	}
	return result
}

func rules(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return fmt.Sprintf("%d rules", n)
}

func printChecked(w io.Writer, results []checked) {
	for _, r := range results {
		name := r.File
		if name == "" {
			name = "the policy of this host"
		}
		switch {
		case !r.Right:
			fmt.Fprintf(w, "%s\n%s", r.Error.Sentence, r.snippet)
		case r.File == "" && len(r.Files) == 0:
			fmt.Fprintf(w, "%s: right; there is no file, so the built-in one with %s\n", name, rules(r.Rules))
		default:
			fmt.Fprintf(w, "%s: right; %s\n", record.Clean(name), rules(r.Rules))
		}
		if r.Note != "" {
			fmt.Fprintf(w, "  %s\n", r.Note)
		}
		for _, rule := range r.Unreachable {
			fmt.Fprintf(w, "  rule %s can never decide: rules before it take all of its calls\n", rule)
		}
	}
}
