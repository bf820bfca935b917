package policy

import (
	"fmt"
	"regexp"

	"github.com/syscountd/syscountd/agent/syscalls"
)

// Parse reads a policy from TOML. Keys that are not given have their defaults; rules,
// if any are given (rule = [] gives none), replace the default ones. An error
// is an *Error, the first in the order of the file; the file name is only for it.
func Parse(file string, text []byte) (*Policy, error) {
	values, at, e := readDocument(file, string(text))
	if e != nil {
		return nil, e
	}
	p := defaults()
	root := &section{first: &e, file: file, values: values, at: at}
	root.collect(&p.Collect)
	root.filter(&p.Filter)
	root.slow(&p.Slow)
	root.rules(&p.Rules)
	root.stuck(&p.Stuck)
	root.limits(&p.Limits)
	root.output(&p.Output)
	root.finish()
	if e != nil {
		return nil, e
	}
	if file != "" {
		p.Files = []string{file}
	}
	p.compile(nil)
	return p, nil
}

func (s *section) collect(c *Collect) {
	t := s.table("collect")
	t.word("mode", &c.Mode, "account", "count")
	t.integer("sample", &c.Sample, MinSample, MaxSample)
	t.duration("interval", &c.Interval, MinInterval, MaxInterval, false)
	t.word("group_by", &c.GroupBy, "none", "process", "unit", "cgroup", "comm")
	t.integer("top", &c.Top, MinTop, MaxTop)
	t.flag("waits", &c.Waits)
	t.finish()
}

func (s *section) filter(f *Filter) {
	t := s.table("filter")
	var pids []uint32
	t.list("pids", "process ids such as [812]", MaxTargets, func(v any) string {
		pid, ok := v.(int64)
		if !ok || pid < 1 || pid > MaxPID {
			return fmt.Sprintf("%s must be a process id from 1 to %d", shown(v), MaxPID)
		}
		pids = append(pids, uint32(pid))
		return ""
	})
	f.PIDs = pids
	t.texts("units", `unit names such as ["nginx.service"]`, MaxTargets, &f.Units, checkUnit)
	t.texts("cgroups", `cgroup paths such as ["/system.slice"]`, MaxTargets, &f.Cgroups, checkCgroup)
	t.texts("syscalls", `syscall names and @groups such as ["@sync"]`, MaxList, &f.Syscalls, checkSyscall)
	t.finish()
}

func (s *section) slow(o *Slow) {
	t := s.table("slow")
	t.duration("threshold", &o.Threshold, MinThreshold, MaxThreshold, true)
	t.finish()
}

func (s *section) stuck(o *Stuck) {
	t := s.table("stuck")
	t.duration("after", &o.After, MinAfter, MaxThreshold, true)
	t.duration("sweep", &o.Sweep, MinSweep, MaxSweep, false)
	t.finish()
}

func (s *section) limits(l *Limits) {
	t := s.table("limits")
	t.integer("records_per_second", &l.RecordsPerSecond, MinRate, MaxRate)
	t.integer("burst", &l.Burst, MinBurst, MaxBurst)
	t.integer("groups", &l.Groups, MinGroups, MaxGroups)
	t.finish()
}

func (s *section) output(o *Output) {
	t := s.table("output")
	t.word("journal", &o.Journal, "auto", "on", "off")
	t.flag("cmdline", &o.CommandLine)
	t.finish()
}

// rules reads [[rule]], or rule = [{...}, ...], or rule = [] for none at all.
func (s *section) rules(to *[]Rule) {
	value, at, ok := s.take("rule")
	if !ok {
		return
	}
	tables, ok := asTables(value)
	if !ok {
		s.fail(at, "rule", shown(value), "must be an array of tables: each rule begins with [[rule]]")
		return
	}
	if len(tables) > MaxRules {
		s.fail(at, "rule", "", fmt.Sprintf("there are %d; at most %d are allowed", len(tables), MaxRules))
		return
	}
	*to = nil
	lines := map[string]int{}
	for i, values := range tables {
		t := &section{first: s.first, file: s.file, prefix: fmt.Sprintf("rule[%d]: ", i+1), values: values, at: at.item(i)}
		if name, ok := values["name"].(string); ok {
			t.prefix = fmt.Sprintf("rule[%d] %s: ", i+1, shown(name))
		}
		*to = append(*to, t.rule(lines))
	}
}

// asTables accepts both forms in which the library gives an array of tables.
func asTables(value any) ([]map[string]any, bool) {
	if tables, ok := value.([]map[string]any); ok {
		return tables, true
	}
	array, ok := value.([]any)
	if !ok {
		return nil, false
	}
	tables := make([]map[string]any, len(array))
	for i, v := range array {
		if tables[i], ok = v.(map[string]any); !ok {
			return nil, false
		}
	}
	return tables, true
}

// rule reads one rule; lines are those of the names so far.
func (s *section) rule(lines map[string]int) Rule {
	r := Rule{Severity: Warning}
	s.ruleName(&r.Name, lines)
	s.texts("syscalls", `syscall names and @groups such as ["@sync"]`, MaxList, &r.Syscalls, checkSyscall)
	s.texts("units", `globs such as ["postgresql*.service"]`, MaxList, &r.Units, checkUnitGlob)
	s.texts("comms", `globs such as ["postgres*"]`, MaxList, &r.Comms, checkCommGlob)
	s.texts("fd", `kinds such as ["file", "block"]`, MaxList, &r.FD, checkFD)
	s.duration("threshold", &r.Threshold, MinThreshold, MaxThreshold, true)
	if _, given := s.values["threshold"]; !given {
		s.fail(s.at, "threshold", "", `is missing; a rule needs one, such as "20ms", or "never" to ignore what it matches`)
	}
	if word, at, ok := takeAs[string](s, "severity", severityReason()[len("must be "):]); ok {
		if r.Severity, ok = ParseSeverity(word); !ok {
			s.fail(at, "severity", shown(word), severityReason())
		}
	}
	s.flag("stack", &r.Stack)
	s.finish()
	return r
}

var ruleName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// ruleName reads a rule's name, which is its identity in records.
func (s *section) ruleName(to *string, lines map[string]int) {
	name, at, ok := takeAs[string](s, "name", "a string")
	if _, given := s.values["name"]; !given {
		s.fail(s.at, "name", "", "is missing; a rule needs one of its own, of lower case letters, digits and -")
	}
	if !ok {
		return
	}
	first, taken := lines[name]
	switch {
	case !ruleName.MatchString(name):
		s.fail(at, "name", shown(name), "must be 1 to 64 lower case letters, digits and -")
	case name == defaultVerdict || name == overrideVerdict:
		s.fail(at, "name", shown(name), "is reserved: records use it for calls that no rule of the policy decided")
	case taken:
		s.fail(at, "name", shown(name), fmt.Sprintf("is taken by the rule on line %d; each rule needs a name of its own", first))
	}
	lines[name] = at.line
	*to = name
}

func checkSyscall(name string) string {
	if _, err := syscalls.Expand([]string{name}); err != nil {
		return err.Error()
	}
	return ""
}
