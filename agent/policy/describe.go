package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Describe says what the policy means, in sentences for a person in a hurry.
func (p *Policy) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Policy: %s.\n", p.source())
	if lost := p.Replaced(); lost != "" {
		fmt.Fprintf(&b, "Note: %s.\n", lost)
	}
	fmt.Fprintf(&b, "Counting: %s\n", p.counting())
	fmt.Fprintf(&b, "Observed: %s.\n", p.observed())
	fmt.Fprintf(&b, "Slow calls; the first rule that matches decides:\n")
	if n := len(p.judge.overrides); n > 0 {
		fmt.Fprintf(&b, "  -  %d thresholds set while running come before all rules.\n", n)
	}
	dead := p.judge.unreachable()
	for i := range p.Rules {
		fmt.Fprintf(&b, "  %d. %s\n", i+1, p.Rules[i].describe())
		if slices.Contains(dead, i) {
			fmt.Fprintf(&b, "     It can never decide: rules before it take all of its calls.\n")
		}
	}
	fmt.Fprintf(&b, "  %s\n", p.Slow.describe())
	if p.LearnsAny() {
		fmt.Fprintf(&b, "  %s\n", p.describeLearn())
	}
	fmt.Fprintf(&b, "  %s\n", p.Stuck.describe())
	fmt.Fprintf(&b, "At most %d slow records a second, or %d at once; what is held back is counted and reported.\n",
		p.Limits.RecordsPerSecond, p.Limits.Burst)
	fmt.Fprintf(&b, "Up to %d groups are told apart; calls of any further ones are counted together.\n", p.Limits.Groups)
	fmt.Fprintf(&b, "Records: %s\n", p.Output.describe())
	return b.String()
}

func (p *Policy) describeLearn() string {
	return fmt.Sprintf("Long for a unit is %d times the usual %v%% of the last %s, but not below %s; until that is known, the threshold for any other call counts.",
		p.Learn.Multiple, p.Learn.Percentile, FormatDuration(p.Learn.Window), FormatDuration(p.Learn.Floor))
}

func (s Stuck) describe() string {
	if s.After == Never {
		return "Calls that do not return are not looked for."
	}
	return fmt.Sprintf("A slow call that has not returned after %s is reported as stuck; while there may be one we look each %s.", FormatDuration(s.After), FormatDuration(s.Sweep))
}

func (p *Policy) source() string {
	if len(p.Files) == 0 {
		return "the built-in default; no file was read"
	}
	return printable(strings.Join(p.Files, ", "))
}

func (p *Policy) counting() string {
	by := "for the whole host together"
	if p.Collect.GroupBy != "none" {
		by = "per " + p.Collect.GroupBy
	}
	if p.Collect.Mode == "watch" {
		return fmt.Sprintf("no call is counted; one that leaves the CPU, or burns it for a tick, is slow from that moment on (mode watch); each %s an interval record.",
			FormatDuration(p.Collect.Interval))
	}
	if p.Collect.Mode == ModeAuto {
		return fmt.Sprintf("%s, as far as %s of all CPUs allow (mode auto); each %s a summary %s: the %d busiest rows, the rest folded into one.",
			p.collecting(), p.Limits.CPUBudget, FormatDuration(p.Collect.Interval), by, p.Collect.Top)
	}
	return fmt.Sprintf("%s (mode %s); each %s a summary %s: the %d busiest rows, the rest folded into one.",
		p.collecting(), p.Collect.Mode, FormatDuration(p.Collect.Interval), by, p.Collect.Top)
}

func (p *Policy) collecting() string {
	switch {
	case p.Collect.Mode == "count" && !p.Collect.Waits:
		return "every call is counted and none is timed, so that no slow call is found"
	case p.Collect.Sample > 1 && !p.Collect.Waits:
		return fmt.Sprintf("every call is counted and one in %d is timed, so that one in %d slow calls is found", p.Collect.Sample, p.Collect.Sample)
	case p.Collect.Mode == "count":
		return "every call is counted and none is timed; one that leaves the CPU is slow from that moment on"
	case p.Collect.Sample > 1:
		return fmt.Sprintf("every call is counted and one in %d is timed; one that is not is slow from the moment when it leaves the CPU", p.Collect.Sample)
	}
	return "every call is counted and timed"
}

func (p *Policy) observed() string {
	var who []string
	if n := len(p.Filter.PIDs); n > 0 {
		ids := strings.Trim(fmt.Sprint(p.Filter.PIDs), "[]")
		family := ""
		if p.Filter.Children {
			family = " and their children"
		}
		who = append(who, "processes "+strings.ReplaceAll(ids, " ", ", ")+family)
	}
	if len(p.Filter.Units) > 0 {
		who = append(who, "units "+safeList(p.Filter.Units))
	}
	if len(p.Filter.Cgroups) > 0 {
		who = append(who, "cgroups "+safeList(p.Filter.Cgroups))
	}
	if len(p.Filter.UIDs) > 0 {
		who = append(who, "users "+strings.ReplaceAll(strings.Trim(fmt.Sprint(p.Filter.UIDs), "[]"), " ", ", "))
	}
	if len(p.Filter.Comms) > 0 {
		who = append(who, "threads named "+safeList(p.Filter.Comms))
	}
	what := "the whole host"
	if len(who) > 0 {
		what = "only " + strings.Join(who, "; ")
	}
	if len(p.Filter.ExcludeUnits) > 0 {
		what += "; without units " + safeList(p.Filter.ExcludeUnits)
	}
	if len(p.Filter.ExcludeComms) > 0 {
		what += "; without threads named " + safeList(p.Filter.ExcludeComms)
	}
	if len(p.Filter.Syscalls) > 0 {
		what += "; of the system calls only " + safeList(p.Filter.Syscalls)
	}
	switch {
	case p.Filter.Failed:
		what += "; of their ends only errors"
	case len(p.Filter.Errnos) > 0:
		what += "; of their ends only " + safeList(p.Filter.Errnos)
	}
	return what
}

// describe gives one sentence for a rule.
func (r *Rule) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", r.Name)
	if len(r.Syscalls) > 0 {
		b.WriteString(safeList(r.Syscalls))
	} else {
		b.WriteString("any call that does not wait")
	}
	b.WriteString(r.conditions())
	switch {
	case r.Overshoot > 0:
		fmt.Fprintf(&b, ": %s or more beyond its time-out is reported as %s", FormatDuration(r.Overshoot), r.Severity)
	case r.Auto:
		fmt.Fprintf(&b, ": what is long for its unit is reported as %s", r.Severity)
	case r.Threshold == Never:
		return b.String() + ": never reported."
	default:
		fmt.Fprintf(&b, ": %s or longer is reported as %s", FormatDuration(r.Threshold), r.Severity)
	}
	if r.Rate > 0 {
		fmt.Fprintf(&b, ", at most %d a second", r.Rate)
	}
	if r.Stack {
		b.WriteString(", with the caller's stack")
	}
	return b.String() + "."
}

// conditions are those beyond the call's name, each after a comma.
func (r *Rule) conditions() string {
	var b strings.Builder
	add := func(before string, list []string) {
		if len(list) > 0 {
			b.WriteString(", " + before + safeList(list))
		}
	}
	add("by ABI ", r.ABIs)
	add("in ", r.Units)
	add("in cgroups ", r.Cgroups)
	add("in containers ", r.Containers)
	add("by commands named ", r.Comms)
	add("by programs ", r.Executables)
	if len(r.UIDs) > 0 {
		b.WriteString(", of users " + strings.ReplaceAll(strings.Trim(fmt.Sprint(r.UIDs), "[]"), " ", ", "))
	}
	if len(r.FD) > 0 {
		b.WriteString(", on " + describeFD(r.FD))
	}
	add("on paths ", r.Paths)
	if r.Result != "" {
		b.WriteString(", if it " + map[string]string{ResultOK: "succeeded", ResultFailed: "failed"}[r.Result])
	}
	add("if it failed with ", r.Errnos)
	for _, share := range []struct {
		least Least
		where string
	}{{r.IOWait, "waiting for I/O"}, {r.Runqueue, "waiting for a CPU"}, {r.CPU, "on a CPU"}} {
		if share.least != (Least{}) {
			fmt.Fprintf(&b, ", with %s or more of it %s", share.least, share.where)
		}
	}
	return b.String()
}

// describeFD puts the kinds into words: "file, dir or no fd at all".
func describeFD(kinds []string) string {
	words := slices.Clone(kinds)
	for i, w := range words {
		if w == fdNoneWord {
			words[i] = "no fd at all"
		}
	}
	return Or(words)
}

func (s Slow) describe() string {
	if s.Threshold == Never {
		return "No other call is reported."
	}
	return fmt.Sprintf("Any other call: %s or longer is reported as %s, except calls that wait "+
		"(poll, futex, sleeps, reads from sockets, pipes and terminals, ...).", FormatDuration(s.Threshold), Warning)
}

func (o Output) describe() string {
	where := map[string]string{
		"auto": "to the journal, or to standard output where there is none",
		"on":   "to the journal",
		"off":  "to standard output",
	}[o.Journal]
	if o.CommandLine {
		return where + ", with command lines, which may hold secrets."
	}
	return where + ", without command lines."
}

// safeList joins words that the administrator wrote and keeps terminals safe.
func safeList(words []string) string { return printable(plainList(words)) }

// unreachable finds the rules that no call can come to, because rules before them
// match every call that they are about.
func (j *judge) unreachable() []int {
	reachable := make([]bool, len(j.rules))
	visit := func(d *docket) {
		for _, i := range d.rules {
			reachable[i] = true
			if j.rules[i].always(d) {
				return
			}
		}
	}
	visit(j.others)
	for _, d := range j.calls {
		visit(d)
	}
	var dead []int
	for i, ok := range reachable {
		if !ok {
			dead = append(dead, i)
		}
	}
	return dead
}
