package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
)

// explained is the answer, as --json prints it. Durations are in nanoseconds; a threshold that
// no call reaches is left out.
type explained struct {
	Policy  []string        `json:"policy"` // the files; none for the built-in one
	Syscall string          `json:"syscall"`
	Kind    string          `json:"fd,omitempty"`
	Waits   bool            `json:"waits"`
	Rules   []explainedRule `json:"rules"`

	Rule        string  `json:"rule"`
	ThresholdNs *uint64 `json:"threshold_ns,omitempty"`
	Auto        bool    `json:"auto,omitempty"` // the threshold was learned or, where none was given as learned, is that of [slow]
	By          string  `json:"by"`             // what the threshold is on: "duration" or "overshoot"
	Severity    string  `json:"severity"`
	Rate        int     `json:"rate,omitempty"`
	DurationNs  *uint64 `json:"duration_ns,omitempty"` // as given
	Slow        *bool   `json:"slow,omitempty"`        // of that duration
	KernelNs    *uint64 `json:"kernel_threshold_ns,omitempty"`
}

type explainedRule struct {
	Name    string `json:"name"`
	Matches bool   `json:"matches"`
	Why     string `json:"why,omitempty"` // it does not match
}

func (a *app) policyExplainCommand() *cobra.Command {
	var about explainFlags
	cmd := &cobra.Command{
		Use:   "explain --syscall NAME [options]",
		Short: "Tell which rule would decide about a call, and why not the ones before",
		Long: "Tell which rule would decide about a call, why the ones before it do not match, and from what duration on\n" +
			"the kernel side hands over such calls. What is not given is taken for unknown; a read, write or the like is on a file.",
		Example: "  syscountctl policy explain --syscall fdatasync --unit postgresql@15-main.service --duration 30ms\n" +
			"  syscountctl policy explain --config new.toml --syscall read --fd socket --comm nginx",
		Args: explainArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call, err := about.call(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			p, err := readPolicy(about.config)
			if err != nil {
				return err
			}
			answer := answerOf(p, call, cmd.Flags().Changed("duration"))
			return a.show(answer, func(w io.Writer) { printExplained(w, answer, call) })
		},
	}
	about.define(cmd.Flags())
	return cmd
}

// explainArgs: a call by its name alone is what most try first.
func explainArgs(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case syscalls.Known(args[0]):
		return usagef("explain takes no arguments: give it as --syscall %s", args[0])
	}
	return usagef("explain takes no arguments, got %.40q; give the call as --syscall NAME", args[0])
}

func answerOf(p *policy.Policy, call policy.Call, timed bool) explained {
	e := p.Explain(call)
	answer := explained{
		Policy: notNil(p.Files), Syscall: call.Syscall, Kind: call.FDKind, Waits: e.Waits, Rules: []explainedRule{},
		Rule: e.Verdict.Rule, ThresholdNs: nsOf(e.Verdict.Threshold), By: "duration", Severity: e.Verdict.Severity.String(),
		Auto: e.Verdict.Auto, Rate: e.Verdict.Rate, KernelNs: nsOf(e.Kernel),
	}
	if e.Verdict.Overshoot {
		answer.By = "overshoot"
	}
	for _, step := range e.Steps {
		answer.Rules = append(answer.Rules, explainedRule{step.Rule, step.Matches, step.Why})
	}
	if timed {
		answer.DurationNs, answer.Slow = nsOf(call.Duration), &e.Slow
	}
	return answer
}

func printExplained(w io.Writer, e explained, call policy.Call) {
	from := "the built-in policy"
	if len(e.Policy) > 0 {
		from = strings.Join(e.Policy, ", ")
	}
	fmt.Fprintf(w, "%s, under %s:\n", headline(call), record.Clean(from))
	for i, rule := range e.Rules {
		if rule.Matches {
			fmt.Fprintf(w, "  %d. %s decides.\n", i+1, rule.Name)
		} else {
			fmt.Fprintf(w, "  %d. %s does not match; %s\n", i+1, rule.Name, rule.Why)
		}
	}
	fmt.Fprintf(w, "%s\n%s\n", verdictSentence(e), kernelSentence(e))
}

// headline says which call it is about.
func headline(call policy.Call) string {
	text := call.Syscall
	if call.FDKind != policy.FDNone {
		text += " on " + call.FDKind
	}
	if len(call.Paths) > 0 {
		text += " " + strings.Join(call.Paths, " ")
	}
	if call.Comm != "" {
		text += " by " + call.Comm
	}
	if call.Unit != "" {
		text += " in " + call.Unit
	}
	return record.Clean(text)
}

func verdictSentence(e explained) string {
	who := "Rule " + e.Rule + " decides"
	if e.Rule == "default" {
		who = "No rule matches, so that [slow] decides"
	}
	switch {
	case e.ThresholdNs == nil && e.Rule == "default" && e.Waits:
		return who + ": never slow, since it is a call that waits."
	case e.ThresholdNs == nil:
		return who + ": never slow."
	}
	what := "slow from " + humanNs(*e.ThresholdNs) + " on"
	if e.Auto {
		what += " (learned, or that of [slow] until then)"
	}
	if e.By == "overshoot" {
		what = "slow from " + humanNs(*e.ThresholdNs) + " beyond its time-out on"
	}
	text := fmt.Sprintf("%s: %s, as %s", who, what, e.Severity)
	if e.Rate > 0 {
		text += fmt.Sprintf(", at most %d records a second", e.Rate)
	}
	if e.Slow == nil {
		return text + "."
	}
	slow := "slow"
	if !*e.Slow {
		slow = "not slow"
	}
	return fmt.Sprintf("%s. With %s it is %s.", text, humanNs(ofNs(e.DurationNs)), slow)
}

func kernelSentence(e explained) string {
	if e.KernelNs == nil {
		return "The kernel side hands over no such call."
	}
	return "The kernel side hands over such calls from " + humanNs(*e.KernelNs) + " on."
}
