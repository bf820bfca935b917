package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// TOML writes the policy in force, defaults included, in the form that Parse reads:
// it parses back to an equal policy. Thresholds set while running (WithThreshold)
// are not part of it.
func (p *Policy) TOML() string { return p.toml(&tomlWriter{}) }

// AnnotatedTOML is TOML with a comment behind each key: the file and the line that set it, or
// "default".
func (p *Policy) AnnotatedTOML() string {
	return p.toml(&tomlWriter{origins: p.origins, annotate: true})
}

func (p *Policy) toml(w *tomlWriter) string {
	w.comment(p.Files)
	if len(p.Rules) == 0 {
		w.line("rule", "[]") // [slow] alone decides
	}
	w.table("collect")
	w.text("mode", p.Collect.Mode)
	w.number("sample", p.Collect.Sample)
	w.text("interval", FormatDuration(p.Collect.Interval))
	w.text("group_by", p.Collect.GroupBy)
	w.number("top", p.Collect.Top)
	w.line("waits", strconv.FormatBool(p.Collect.Waits))
	w.table("filter")
	w.numbers("pids", p.Filter.PIDs)
	w.line("children", strconv.FormatBool(p.Filter.Children))
	w.text("on_exit", p.Filter.OnExit)
	w.texts("units", p.Filter.Units)
	w.texts("cgroups", p.Filter.Cgroups)
	w.numbers("uids", p.Filter.UIDs)
	w.texts("comms", p.Filter.Comms)
	w.texts("exclude_units", p.Filter.ExcludeUnits)
	w.texts("exclude_comms", p.Filter.ExcludeComms)
	w.texts("syscalls", p.Filter.Syscalls)
	w.line("failed", strconv.FormatBool(p.Filter.Failed))
	w.texts("errnos", p.Filter.Errnos)
	w.table("slow")
	w.text("threshold", FormatDuration(p.Slow.Threshold))
	for i := range p.Rules {
		w.rule(&p.Rules[i])
	}
	w.table("stuck")
	w.text("after", FormatDuration(p.Stuck.After))
	w.text("sweep", FormatDuration(p.Stuck.Sweep))
	w.table("learn")
	w.text("floor", FormatDuration(p.Learn.Floor))
	w.number("multiple", p.Learn.Multiple)
	w.line("percentile", strconv.FormatFloat(p.Learn.Percentile, 'f', -1, 64))
	w.text("window", FormatDuration(p.Learn.Window))
	w.table("limits")
	w.number("records_per_second", p.Limits.RecordsPerSecond)
	w.number("burst", p.Limits.Burst)
	w.number("groups", p.Limits.Groups)
	w.text("cpu_budget", p.Limits.CPUBudget.String())
	w.table("output")
	w.text("journal", p.Output.Journal)
	w.line("cmdline", strconv.FormatBool(p.Output.CommandLine))
	return w.String()
}

// tomlWriter writes keys and values. The encoder of the TOML library knows neither
// our durations nor the order and the blank lines that people like to read.
type tomlWriter struct {
	strings.Builder
	annotate bool
	origins  origins
	path     string // before a key in origins
}

func (w *tomlWriter) comment(files []string) {
	if len(files) == 0 {
		w.WriteString("# The built-in default: no policy file was found.\n")
		return
	}
	fmt.Fprintf(w, "# In force, read from %s.\n", printable(strings.Join(files, ", ")))
}

func (w *tomlWriter) rule(r *Rule) {
	w.WriteString("\n[[rule]]\n")
	w.path = "rule." + r.Name + "."
	w.text("name", r.Name)
	w.someTexts("syscalls", r.Syscalls)
	w.someTexts("abis", r.ABIs)
	w.someTexts("units", r.Units)
	w.someTexts("cgroups", r.Cgroups)
	w.someTexts("containers", r.Containers)
	w.someTexts("comms", r.Comms)
	w.someTexts("executables", r.Executables)
	if len(r.UIDs) > 0 {
		w.numbers("uids", r.UIDs)
	}
	w.someTexts("fd", r.FD)
	w.someTexts("paths", r.Paths)
	if r.Result != "" {
		w.text("result", r.Result)
	}
	w.someTexts("errnos", r.Errnos)
	w.least("io_wait", r.IOWait)
	w.least("runqueue", r.Runqueue)
	w.least("cpu", r.CPU)
	w.decision(r)
	if r.Rate > 0 {
		w.number("rate", r.Rate)
	}
	w.text("severity", r.Severity.String())
	w.line("stack", strconv.FormatBool(r.Stack))
}

// decision is the one key that says what becomes of a matching call.
func (w *tomlWriter) decision(r *Rule) {
	switch {
	case r.Overshoot > 0:
		w.text("overshoot", FormatDuration(r.Overshoot))
	case r.Auto:
		w.text("threshold", autoWord)
	case r.Threshold == Never:
		w.text("action", actionIgnore)
	default:
		w.text("threshold", FormatDuration(r.Threshold))
	}
}

// someTexts leaves out a condition that every call meets.
func (w *tomlWriter) someTexts(key string, values []string) {
	if len(values) > 0 {
		w.texts(key, values)
	}
}

func (w *tomlWriter) least(key string, l Least) {
	if l != (Least{}) {
		w.text(key, l.String())
	}
}

// table begins a table; its keys have their origins below its name.
func (w *tomlWriter) table(name string) {
	w.path = name + "."
	w.WriteString("\n[" + name + "]\n")
}

// line writes a key, with its origin if that is wanted.
func (w *tomlWriter) line(key, value string) {
	w.WriteString(key + " = " + value)
	if w.annotate {
		from := "default"
		if o, set := w.origins[w.path+key]; set {
			from = o.String()
		}
		w.WriteString(" # " + from)
	}
	w.WriteString("\n")
}

func (w *tomlWriter) number(key string, value int) { w.line(key, strconv.Itoa(value)) }
func (w *tomlWriter) text(key, value string)       { w.line(key, tomlString(value)) }

func (w *tomlWriter) texts(key string, values []string) {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = tomlString(v)
	}
	w.line(key, "["+strings.Join(quoted, ", ")+"]")
}

func (w *tomlWriter) numbers(key string, values []uint32) {
	digits := make([]string, len(values))
	for i, v := range values {
		digits[i] = strconv.FormatUint(uint64(v), 10)
	}
	w.line(key, "["+strings.Join(digits, ", ")+"]")
}

// tomlString writes a basic string: what is not printable is escaped, which also
// keeps terminals safe.
func tomlString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
