package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyTypes are all keys with the TOML type that they have, and one value that is right.
var keyTypes = map[string]struct{ kind, value string }{
	"collect.mode":              {"string", `"account"`},
	"collect.interval":          {"string", `"5s"`},
	"collect.group_by":          {"string", `"unit"`},
	"collect.sample":            {"integer", `7`},
	"collect.top":               {"integer", `7`},
	"collect.waits":             {"boolean", `false`},
	"filter.pids":               {"integers", `[7]`},
	"filter.children":           {"boolean", `true`},
	"filter.on_exit":            {"string", `"stop"`},
	"filter.units":              {"strings", `["a.service"]`},
	"filter.cgroups":            {"strings", `["/a"]`},
	"filter.syscalls":           {"strings", `["read"]`},
	"filter.uids":               {"integers", `[7]`},
	"filter.comms":              {"strings", `["a"]`},
	"filter.exclude_units":      {"strings", `["a.service"]`},
	"filter.exclude_comms":      {"strings", `["a"]`},
	"filter.failed":             {"boolean", `true`},
	"filter.errnos":             {"strings", `["EIO"]`},
	"slow.threshold":            {"string", `"5s"`},
	"rule.name":                 {"string", `"a"`},
	"rule.syscalls":             {"strings", `["read"]`},
	"rule.units":                {"strings", `["a.service"]`},
	"rule.comms":                {"strings", `["a"]`},
	"rule.fd":                   {"strings", `["file"]`},
	"rule.threshold":            {"string", `"5s"`},
	"rule.severity":             {"string", `"info"`},
	"rule.stack":                {"boolean", `true`},
	"rule.abis":                 {"strings", `["i386"]`},
	"rule.cgroups":              {"strings", `["/a/**"]`},
	"rule.containers":           {"strings", `["docker"]`},
	"rule.executables":          {"strings", `["/usr/bin/a"]`},
	"rule.uids":                 {"integers", `[7]`},
	"rule.paths":                {"strings", `["/a"]`},
	"rule.result":               {"string", `"failed"`},
	"rule.errnos":               {"strings", `["EIO"]`},
	"rule.io_wait":              {"string", `"50%"`},
	"rule.runqueue":             {"string", `"5s"`},
	"rule.cpu":                  {"string", `"any"`},
	"rule.overshoot":            {"string", `"5s"`},
	"rule.action":               {"string", `"ignore"`},
	"rule.rate":                 {"integer", `7`},
	"stuck.after":               {"string", `"5s"`},
	"stuck.sweep":               {"string", `"5s"`},
	"learn.floor":               {"string", `"5s"`},
	"learn.multiple":            {"integer", `7`},
	"learn.percentile":          {"float", `99.5`},
	"learn.window":              {"string", `"5h"`},
	"limits.records_per_second": {"integer", `7`},
	"limits.burst":              {"integer", `7`},
	"limits.groups":             {"integer", `700`},
	"limits.cpu_budget":         {"string", `"0.5%"`},
	"output.journal":            {"string", `"on"`},
	"output.cmdline":            {"boolean", `false`},
}

// wrongValues are values of every type; none is right for a key of another type.
var wrongValues = map[string][]string{
	"string":    {`""`, `"no such word"`, `'\'`, `"""` + "\n" + `"""`},
	"integer":   {`-1`, `9223372036854775807`, `0x7fffffffffffffff`},
	"boolean":   {`true`, `false`},
	"float":     {`7.0`, `nan`, `inf`, `-0.0`, `1e300`},
	"date":      {`1979-05-27`, `07:32:00`, `1979-05-27T07:32:00Z`},
	"table":     {`{}`, `{a = 1}`},
	"integers":  {`[-1]`, `[1, "a"]`, `[[1]]`, `[1.0]`, `[true]`},
	"strings":   {`["no such word\u0000"]`, `["read", 1]`, `[["read"]]`, `[""]`, `[{}]`},
	"array":     {`[nan]`, `[{a = {}}]`, `[1979-05-27]`},
	"two-level": {`{a = [{b = []}]}`},
}

// keyDocument is a policy in which only this key has the value in question.
func keyDocument(key, value string) string {
	section, name, _ := strings.Cut(key, ".")
	if section != "rule" {
		return fmt.Sprintf("[%s]\n%s = %s\n", section, name, value)
	}
	text := "[[rule]]\n"
	switch name {
	case "overshoot":
		return text + "name = \"a\"\nsyscalls = [\"poll\"]\novershoot = " + value + "\n"
	case "action":
		return text + "name = \"a\"\naction = " + value + "\n"
	}
	for _, needed := range []string{"name", "threshold"} {
		if name != needed {
			text += needed + " = " + keyTypes["rule."+needed].value + "\n"
		}
	}
	return text + name + " = " + value + "\n"
}

// Each key takes its value, and refuses values of every type that are not for it,
// with an error that names the key and the line.
func TestEveryKeyRefusesEveryWrongValue(t *testing.T) {
	for _, key := range slices.Sorted(maps.Keys(keyTypes)) {
		mustParse(t, keyDocument(key, keyTypes[key].value))
		_, name, _ := strings.Cut(key, ".")
		for kind, values := range wrongValues {
			for _, value := range values {
				if kind == "boolean" && keyTypes[key].kind == kind {
					continue // both are right
				}
				text := keyDocument(key, value)
				_, err := Parse("p.toml", []byte(text))
				e, ok := err.(*Error)
				if !ok {
					t.Errorf("%s = %s: %v", key, value, err)
					continue
				}
				line := strings.Count(text[:strings.Index(text, "\n"+name+" = ")+1], "\n") + 1
				if !strings.HasSuffix(e.Key, name) || e.Line != line {
					t.Errorf("%s = %s: %v, want line %d", key, value, e, line)
				}
				checkSentence(t, text, e)
			}
		}
	}
}

// The table above has every key that the parser knows.
func TestTheMatrixHasEveryKey(t *testing.T) {
	for _, section := range []string{"collect", "filter", "slow", "stuck", "learn", "limits", "output", "rule"} {
		header := "[" + section + "]\n"
		if section == "rule" {
			header = "[[rule]]\nname = \"a\"\nthreshold = \"1s\"\n"
		}
		for _, key := range allowedKeys(t, header) {
			if _, ok := keyTypes[section+"."+key]; !ok {
				t.Errorf("the matrix lacks %s.%s", section, key)
			}
		}
	}
}

// Every bound is itself allowed, and what is one beyond it is not.
func TestBoundsAreInclusive(t *testing.T) {
	type bound struct {
		key           string
		inside, alien []string
	}
	number := func(key string, min, max int) bound {
		return bound{key, []string{fmt.Sprint(min), fmt.Sprint(max)}, []string{fmt.Sprint(min - 1), fmt.Sprint(max + 1)}}
	}
	duration := func(key string, min, max time.Duration) bound {
		quote := func(d time.Duration) string { return `"` + d.String() + `"` }
		return bound{key, []string{quote(min), quote(max)}, []string{quote(min - 1), quote(max + 1)}}
	}
	for _, b := range []bound{
		number("collect.sample", MinSample, MaxSample),
		number("collect.top", MinTop, MaxTop),
		number("limits.records_per_second", MinRate, MaxRate),
		number("limits.burst", MinBurst, MaxBurst),
		number("limits.groups", MinGroups, MaxGroups),
		{"limits.cpu_budget", []string{`"0.01%"`, `"2%"`, `"100%"`, `"1.25%"`}, []string{`"0.009%"`, `"100.1%"`, `"2"`, `"-2%"`, `"2 %"`, `"NaN%"`, `"%"`}},
		duration("collect.interval", MinInterval, MaxInterval),
		duration("slow.threshold", MinThreshold, MaxThreshold),
		number("learn.multiple", MinMultiple, MaxMultiple),
		duration("learn.floor", MinThreshold, MaxThreshold),
		duration("learn.window", MinWindow, MaxWindow),
		{"learn.percentile", []string{"50", "50.0", "99.99"}, []string{"49.99", "99.991", "100"}},
		number("rule.rate", MinRate, MaxRate),
		duration("rule.overshoot", MinThreshold, MaxThreshold),
		{"rule.uids", []string{"[0]", "[4294967294]"}, []string{"[-1]", "[4294967295]"}},
		{"rule.io_wait", []string{`"1%"`, `"100%"`, `"1us"`, `"24h"`}, []string{`"0%"`, `"101%"`, `"50 %"`, `"1.5%"`, `"999ns"`, `"24h1ns"`, `"half"`}},
		duration("rule.threshold", MinThreshold, MaxThreshold),
		duration("stuck.after", MinAfter, MaxThreshold),
		duration("stuck.sweep", MinSweep, MaxSweep),
		{"filter.pids", []string{"[1]", fmt.Sprintf("[%d]", MaxPID)}, []string{"[0]", fmt.Sprintf("[%d]", MaxPID+1)}},
		{"filter.uids", []string{"[0]", fmt.Sprintf("[%d]", maxUID)}, []string{"[-1]", fmt.Sprintf("[%d]", maxUID+1)}},
		{"rule.name", []string{`"a"`, `"` + strings.Repeat("z", 64) + `"`}, []string{`""`, `"` + strings.Repeat("z", 65) + `"`}},
	} {
		for _, value := range b.inside {
			mustParse(t, keyDocument(b.key, value))
		}
		for _, value := range b.alien {
			parseError(t, keyDocument(b.key, value))
		}
	}
}

// Policies are immutable: any number of goroutines may judge by one and derive others
// from it (the race detector watches).
func TestPoliciesMayBeShared(t *testing.T) {
	p := Default()
	want, _ := p.Judge(Call{Syscall: "fsync", FDKind: FDFile})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			q := p.WithThreshold([]string{"@sync"}, time.Millisecond)
			if got, _ := p.Judge(Call{Syscall: "fsync", FDKind: FDFile}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			if got, _ := q.Judge(Call{Syscall: "fsync", FDKind: FDFile}); got.Rule != "override" {
				t.Errorf("%+v", got)
			}
			_ = p.TOML() + q.Describe()
		})
	}
	group.Wait()
}
