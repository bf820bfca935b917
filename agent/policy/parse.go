package policy

import (
	"fmt"
)

// Parse reads a policy from TOML. Keys that are not given have their defaults; rules,
// if any are given (rule = [] gives none), replace the default ones. An error
// is an *Error, the first in the order of the file; the file name is only for it.
func Parse(file string, text []byte) (*Policy, error) {
	return merge([]source{{file: file, text: text}})
}

func (s *section) collect(c *Collect) {
	t := s.table("collect")
	t.word("mode", &c.Mode, ModeAuto, "account", "count", "watch")
	t.integer("sample", &c.Sample, MinSample, MaxSample)
	t.duration("interval", &c.Interval, MinInterval, MaxInterval, false)
	t.word("group_by", &c.GroupBy, "none", "process", "unit", "cgroup", "comm")
	t.integer("top", &c.Top, MinTop, MaxTop)
	t.flag("waits", &c.Waits)
	t.finish()
}

func (s *section) filter(f *Filter) {
	t := s.table("filter")
	t.numbers("pids", "process ids such as [812]", "a process id", MaxTargets, 1, MaxPID, &f.PIDs)
	t.flag("children", &f.Children)
	t.word("on_exit", &f.OnExit, "keep", "clear", "stop")
	t.texts("units", `unit names such as ["nginx.service"]`, MaxTargets, &f.Units, checkUnit)
	t.texts("cgroups", `cgroup paths such as ["/system.slice"]`, MaxTargets, &f.Cgroups, checkCgroup)
	t.numbers("uids", "user ids such as [1000]", "a user id", MaxTargets, 0, maxUID, &f.UIDs)
	t.texts("comms", `names of threads such as ["postgres"]`, MaxTargets, &f.Comms, checkComm)
	t.texts("exclude_units", `unit names such as ["backup.service"]`, MaxTargets, &f.ExcludeUnits, checkUnit)
	t.texts("exclude_comms", `names of threads such as ["rsync"]`, MaxTargets, &f.ExcludeComms, checkComm)
	t.texts("syscalls", `syscall names and @groups such as ["@sync"]`, MaxList, &f.Syscalls, checkSyscall)
	t.flag("failed", &f.Failed)
	t.texts("errnos", `names of errors such as ["EIO"]`, MaxList, &f.Errnos, checkErrno)
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

func (s *section) learn(l *Learn) {
	t := s.table("learn")
	t.duration("floor", &l.Floor, MinThreshold, MaxThreshold, false)
	t.integer("multiple", &l.Multiple, MinMultiple, MaxMultiple)
	t.number("percentile", &l.Percentile, MinQuantile, MaxQuantile)
	t.duration("window", &l.Window, MinWindow, MaxWindow, false)
	t.finish()
}

func (s *section) limits(l *Limits) {
	t := s.table("limits")
	t.integer("records_per_second", &l.RecordsPerSecond, MinRate, MaxRate)
	t.integer("burst", &l.Burst, MinBurst, MaxBurst)
	t.integer("groups", &l.Groups, MinGroups, MaxGroups)
	t.percent("cpu_budget", &l.CPUBudget, MinCPUBudget, MaxCPUBudget)
	t.finish()
}

func (s *section) output(o *Output) {
	t := s.table("output")
	t.word("journal", &o.Journal, "auto", "on", "off")
	t.flag("cmdline", &o.CommandLine)
	t.finish()
}

// rules reads [[rule]], or rule = [{...}, ...], or rule = [] for none at all.
func (s *section) rules() (rules []Rule, given bool) {
	value, at, ok := s.take("rule")
	if !ok {
		return nil, false
	}
	tables, ok := asTables(value)
	if _, isTable := value.(map[string]any); isTable {
		s.fail(at, "rule", "", "must be [[rule]], with two brackets: there may be many")
		return nil, true
	}
	if !ok {
		s.fail(at, "rule", shown(value), "must be an array of tables: each rule begins with [[rule]]")
		return nil, true
	}
	if len(tables) > MaxRules {
		s.fail(at, "rule", "", fmt.Sprintf("there are %d; at most %d are allowed", len(tables), MaxRules))
		return nil, true
	}
	if len(tables) > 0 {
		delete(s.origins, "rule") // they have origins of their own
	}
	lines := map[string]int{}
	for i, values := range tables {
		t := &section{first: s.first, file: s.file, prefix: fmt.Sprintf("rule[%d]: ", i+1), values: values, at: at.item(i), origins: s.origins}
		if name, ok := values["name"].(string); ok {
			t.prefix = fmt.Sprintf("rule[%d] %s: ", i+1, shown(name))
			t.path = "rule." + name + "."
			s.origins.forget(name)
		}
		rules = append(rules, t.rule(lines))
	}
	return rules, true
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
