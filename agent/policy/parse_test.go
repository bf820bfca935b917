package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// mustParse parses a policy that is right.
func mustParse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse("p.toml", []byte(text))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return p
}

// parseError parses a policy that is wrong.
func parseError(t testing.TB, text string) *Error {
	t.Helper()
	_, err := Parse("p.toml", []byte(text))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("the error of %.80q is %v, want an *Error", text, err)
	}
	return e
}

func TestAnEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "\ufeff", "[collect]\n[filter]\n[slow]\n[stuck]\n[limits]\n[output]\n"} {
		p := mustParse(t, text)
		if !reflect.DeepEqual(p.Files, []string{"p.toml"}) {
			t.Errorf("%q: files are %v", text, p.Files)
		}
		p.Files = nil
		if !equal(p, Default()) {
			t.Errorf("%q is not the default", text)
		}
	}
}

func TestParseReadsEveryKey(t *testing.T) {
	p := mustParse(t, `
rule = [{name = "inline", threshold = "never", severity = "error"}]
[collect]
mode = "account"
interval = "1m30s"
group_by = "process"
top = 90
waits = false
[filter]
pids = [1, 4194304]
children = true
on_exit = "stop"
units = ["nginx.service", "postgresql@15-main.service", 'dev-disk\x2d1.swap', "-.slice"]
cgroups = ["/", "/system.slice/x.service"]
uids = [0, 4294967294]
comms = ["postgres"]
exclude_units = ["backup.service"]
exclude_comms = ["fifteen bytes k"]
syscalls = ["@sync", "read"]
failed = true
errnos = ["EIO", "ENOENT"]
[slow]
threshold = "never"
[stuck]
after = "never"
sweep = "2s"
[limits]
records_per_second = 300
burst = 200
groups = 64
cpu_budget = "0.5%"
[output]
journal = "off"
cmdline = false
`)
	if want := (Collect{"account", 1, 90 * time.Second, "process", 90, false}); p.Collect != want {
		t.Errorf("collect is %+v", p.Collect)
	}
	filter := Filter{
		PIDs:     []uint32{1, 4194304},
		Children: true,
		OnExit:   "stop",
		Units:    []string{"nginx.service", "postgresql@15-main.service", `dev-disk\x2d1.swap`, "-.slice"},
		Cgroups:  []string{"/", "/system.slice/x.service"},
		Syscalls: []string{"@sync", "read"},
		UIDs:     []uint32{0, 4294967294},
		Comms:    []string{"postgres"},

		ExcludeUnits: []string{"backup.service"},
		ExcludeComms: []string{"fifteen bytes k"},
		Failed:       true,
		Errnos:       []string{"EIO", "ENOENT"},
	}
	if !reflect.DeepEqual(p.Filter, filter) {
		t.Errorf("filter is %+v", p.Filter)
	}
	if p.Slow.Threshold != Never {
		t.Errorf("threshold is %v", p.Slow.Threshold)
	}
	if want := (Stuck{Never, 2 * time.Second}); p.Stuck != want {
		t.Errorf("stuck is %+v", p.Stuck)
	}
	if want := (Limits{300, 200, 64, 0.5}); p.Limits != want {
		t.Errorf("limits are %+v", p.Limits)
	}
	if want := (Output{"off", false}); p.Output != want {
		t.Errorf("output is %+v", p.Output)
	}
	if want := []Rule{{Name: "inline", Threshold: Never, Severity: Err}}; !reflect.DeepEqual(p.Rules, want) {
		t.Errorf("rules are %+v", p.Rules)
	}
}

func TestRulesReplaceTheDefaultOnes(t *testing.T) {
	p := mustParse(t, `
[[rule]]
name = "pg"
syscalls = ["fsync"]
units = ["postgresql*.service"]
comms = ["postgres"]
fd = ["file", "none"]
threshold = "20ms"
[[rule]]
name = "rest"
threshold = "1us"
severity = "warn"
`)
	want := []Rule{
		{Name: "pg", Syscalls: []string{"fsync"}, Units: []string{"postgresql*.service"}, Comms: []string{"postgres"}, FD: []string{"file", "none"},
			Threshold: 20 * time.Millisecond, Severity: Warning},
		{Name: "rest", Threshold: time.Microsecond, Severity: Warning},
	}
	if !reflect.DeepEqual(p.Rules, want) {
		t.Errorf("rules are %+v", p.Rules)
	}
	if p := mustParse(t, "rule = []"); len(p.Rules) != 0 {
		t.Errorf("rule = [] leaves %d rules", len(p.Rules))
	}
	if p := mustParse(t, "[collect]\ntop = 3"); len(p.Rules) != len(defaultRules()) {
		t.Error("a file without rules has not the default ones")
	}
}

const ruleKeys = "name, syscalls, abis, units, cgroups, containers, comms, executables, uids, fd, paths, result, errnos, io_wait, runqueue, cpu, threshold, overshoot, action, rate, severity, stack"

func TestParseErrorsAreSentencesWithTheirPlace(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		// durations
		{"[collect]\n\ninterval = \"-5s\"", `p.toml:3: collect.interval = "-5s": must be between 1s and 1h`},
		{"[collect]\ninterval = \"0s\"", `p.toml:2: collect.interval = "0s": must be between 1s and 1h`},
		{"[collect]\ninterval = 60", `p.toml:2: collect.interval = 60: must be a string such as "10s"`},
		{"[collect]\ninterval = \"60\"", `p.toml:2: collect.interval = "60": must be a duration with its unit (ns, us, ms, s, m, h), such as "10s"`},
		{"[collect]\ninterval = \"never\"", `p.toml:2: collect.interval = "never": must be a duration with its unit (ns, us, ms, s, m, h), such as "10s"`},
		{"[slow]\nthreshold = \"999ns\"", `p.toml:2: slow.threshold = "999ns": must be between 1us and 24h, or "never"`},
		{"[slow]\nthreshold = \"1e99s\"", `p.toml:2: slow.threshold = "1e99s": must be a duration with its unit (ns, us, ms, s, m, h), such as "20ms", or "never"`},
		{"[slow]\nthreshold = \"9999999h\"", `p.toml:2: slow.threshold = "9999999h": must be a duration with its unit (ns, us, ms, s, m, h), such as "20ms", or "never"`},
		{"[slow]\nthreshold = \"25h\"", `p.toml:2: slow.threshold = "25h": must be between 1us and 24h, or "never"`},
		{"[slow]\nthreshold = 1.5", `p.toml:2: slow.threshold = 1.5: must be a string such as "20ms"`},
		{"[learn]\nwindow = \"7d\"", `p.toml:2: learn.window = "7d": must be a duration with its unit (ns, us, ms, s, m, h), such as "1h"; days are no unit: did you mean "168h"?`},
		{"[stuck]\nafter = 3", `p.toml:2: stuck.after = 3: must be a string such as "10s"`},
		{"[stuck]\nsweep = 3", `p.toml:2: stuck.sweep = 3: must be a string such as "10s"`},
		{"[limits]\ncpu_budget = \"2\"", `p.toml:2: limits.cpu_budget = "2": must be a percentage between 0.01% and 100%; did you mean "2%"?`},
		{"[limits]\ncpu_budget = \"200\"", `p.toml:2: limits.cpu_budget = "200": must be a percentage between 0.01% and 100%`},
		{"[filter]\nerrnos = [\"EOI\"]", `p.toml:2: filter.errnos: unknown error "EOI"; did you mean "EIO"?`},
		// words, numbers, flags
		{"[collect]\nmode = \"fast\"", `p.toml:2: collect.mode = "fast": must be "auto", "account", "count" or "watch"`},
		{"[collect]\ngroup_by = \"uid\"", `p.toml:2: collect.group_by = "uid": must be "none", "process", "unit", "cgroup" or "comm"`},
		{"[collect]\ntop = 0", `p.toml:2: collect.top = 0: must be between 1 and 1000`},
		{"[collect]\ntop = -9223372036854775808", `p.toml:2: collect.top = -9223372036854775808: must be between 1 and 1000`},
		{"[collect]\ntop = \"20\"", `p.toml:2: collect.top = "20": must be a whole number from 1 to 1000`},
		{"[collect]\ntop = 20.0", `p.toml:2: collect.top = 20: must be a whole number from 1 to 1000`},
		{"[limits]\nrecords_per_second = 301", `p.toml:2: limits.records_per_second = 301: must be between 1 and 300`},
		{"[limits]\nburst = 5001", `p.toml:2: limits.burst = 5001: must be between 1 and 5000`},
		{"[limits]\ngroups = 63", `p.toml:2: limits.groups = 63: must be between 64 and 65536`},
		{"[output]\njournal = true", `p.toml:2: output.journal = true: must be "auto", "on" or "off"`},
		{"[output]\ncmdline = \"yes\"", `p.toml:2: output.cmdline = "yes": must be true or false`},
		{"[output]\ncmdline = 1979-05-27", `p.toml:2: output.cmdline = a date: must be true or false`},
		// unknown keys
		{"[collect]\nintervall = \"5s\"", `p.toml:2: collect.intervall: unknown key; did you mean interval? allowed are mode, sample, interval, group_by, top, waits`},
		{"[slow]\nxyz = 1", `p.toml:2: slow.xyz: unknown key; allowed are threshold`},
		{"[[rules]]\nname = \"x\"", `p.toml:1: rules: unknown table; did you mean rule? allowed are collect, filter, slow, rule, stuck, learn, limits, output`},
		{"\n[stick]\nafter = \"1s\"", `p.toml:2: stick: unknown table; did you mean stuck? allowed are collect, filter, slow, rule, stuck, learn, limits, output`},
		{"top = 3", `p.toml:1: top: unknown key; allowed are collect, filter, slow, rule, stuck, learn, limits, output`},
		{"\"a\\nb\\u001b[31m\" = 3", `p.toml:1: "a\nb\x1b[31m": unknown key; allowed are collect, filter, slow, rule, stuck, learn, limits, output`},
		{"\"\" = 3", `p.toml:1: "": unknown key; allowed are collect, filter, slow, rule, stuck, learn, limits, output`},
		// shapes
		{"collect = 3", `p.toml:1: collect = 3: must be a table: [collect]`},
		{"[[collect]]", `p.toml:1: collect = an array: must be a table: [collect]`},
		{"[rule]\nname = \"x\"", `p.toml:1: rule: must be [[rule]], with two brackets: there may be many`},
		{"rule = [1]", `p.toml:1: rule = an array: must be an array of tables: each rule begins with [[rule]]`},
		{"rule = \"x\"", `p.toml:1: rule = "x": must be an array of tables: each rule begins with [[rule]]`},
		// filter
		{"[filter]\npids = [1, 0]", `p.toml:2: filter.pids: 0 must be a process id from 1 to 4194304`},
		{"[filter]\npids = [4194305]", `p.toml:2: filter.pids: 4194305 must be a process id from 1 to 4194304`},
		{"[filter]\npids = [\"1\"]", `p.toml:2: filter.pids: "1" must be a process id from 1 to 4194304`},
		{"[filter]\npids = 1", `p.toml:2: filter.pids = 1: must be an array of process ids such as [812]`},
		{"[filter]\nunits = [\"nginx\"]", `p.toml:2: filter.units: "nginx" must end in .service, .scope, .slice, .socket, .mount or .swap; did you mean "nginx.service"?`},
		{"[filter]\nunits = [\"nginx*.service\"]", `p.toml:2: filter.units: "nginx*.service" must be one unit's exact name; globs are for rules`},
		{"[filter]\nunits = [3]", `p.toml:2: filter.units: 3 must be a string`},
		{"[filter]\ncgroups = [\"system.slice\"]", `p.toml:2: filter.cgroups: "system.slice" must be an absolute path, such as "/system.slice"`},
		{"[filter]\nsyscalls = [\"raed\"]", `p.toml:2: filter.syscalls: unknown syscall "raed"; did you mean "read"?`},
		// rules
		{"[[rule]]\nname = \"sync\"\nthreshold = \"1s\"\nsyscalls = [\"fdatasink\"]", `p.toml:4: rule[1] "sync": syscalls: unknown syscall "fdatasink"; did you mean "fdatasync"?`},
		{"[[rule]]\nname = \"sync\"\nthreshold = \"1s\"\nsyscalls = [\"@sink\"]", `p.toml:4: rule[1] "sync": syscalls: unknown group "@sink"; did you mean "@sync"?`},
		{"[[rule]]\nname = \"sync\"\nthreshold = \"1s\"\nsyscalls = \"read\"", `p.toml:4: rule[1] "sync": syscalls = "read": must be an array of syscall names and @groups such as ["@sync"]`},
		{"\n[[rule]]\nthreshold = \"1s\"", `p.toml:2: rule[1]: name: is missing; a rule needs one of its own, of lower case letters, digits and -`},
		{"[[rule]]\nname = \"a\"\nthreshhold = \"1s\"\n", `p.toml:3: rule[1] "a": threshhold: unknown key; did you mean threshold? allowed are ` + ruleKeys},
		{"[[rule]]\nnmae = \"a\"\nthreshold = \"1s\"\n", `p.toml:2: rule[1]: nmae: unknown key; did you mean name? allowed are ` + ruleKeys},
		{"[[rule]]\nname = \"a\"\novershoot = \"1s\"\nsyscals = [\"poll\"]\n", `p.toml:4: rule[1] "a": syscals: unknown key; did you mean syscalls? allowed are ` + ruleKeys},
		{"[[rule]]\nname = \"a\"\n", `p.toml:1: rule[1] "a": threshold: is missing; a rule needs one, such as "20ms", or an overshoot, or action = "ignore"`},
		{"[[rule]]\nname = 3\nthreshold = \"1s\"", `p.toml:2: rule[1]: name = 3: must be a string`},
		{"[[rule]]\nname = \"A b\"\nthreshold = \"1s\"", `p.toml:2: rule[1] "A b": name: must be 1 to 64 lower case letters, digits and -`},
		{"[[rule]]\nname = \"\"\nthreshold = \"1s\"", `p.toml:2: rule[1] "": name: must be 1 to 64 lower case letters, digits and -`},
		{"[[rule]]\nname = \"a\\nb\"\nthreshold = \"1s\"", `p.toml:2: rule[1] "a\nb": name: must be 1 to 64 lower case letters, digits and -`},
		{"[[rule]]\nname = \"default\"\nthreshold = \"1s\"", `p.toml:2: rule[1] "default": name: is reserved: records use it for calls that no rule of the policy decided`},
		{"[[rule]]\nname = \"override\"\nthreshold = \"1s\"", `p.toml:2: rule[1] "override": name: is reserved: records use it for calls that no rule of the policy decided`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\n[[rule]]\nthreshold = \"1s\"\nname = \"a\"", `p.toml:6: rule[2] "a": name: is taken by the rule on line 2; each rule needs a name of its own`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"-1s\"", `p.toml:3: rule[1] "a": threshold = "-1s": must be between 1us and 24h, or "never"`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nseverity = \"bad\"", `p.toml:4: rule[1] "a": severity = "bad": must be one of emerg, alert, crit, err, warning, notice, info or debug`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nseverity = 4", `p.toml:4: rule[1] "a": severity = 4: must be one of emerg, alert, crit, err, warning, notice, info or debug`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\ncolour = true", `p.toml:4: rule[1] "a": colour: unknown key; allowed are name, syscalls, abis, units, cgroups, containers, comms, executables, uids, fd, paths, result, errnos, io_wait, runqueue, cpu, threshold, overshoot, action, rate, severity, stack`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nunits = [\"nginx\"]", `p.toml:4: rule[1] "a": units: "nginx" must end in .service, .scope, .slice, .socket, .mount or .swap; did you mean "nginx.service"?`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nunits = [\"a[\"]", `p.toml:4: rule[1] "a": units: "a[" is no glob: * is any text, ? one character, [a-z] one of a set, which must end`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\ncomms = [\"systemd-journald\"]", `p.toml:4: rule[1] "a": comms: "systemd-journald" has 16 bytes and can never match: the kernel keeps the first 15, "systemd-journal"`},
		{"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nfd = [\"fiel\"]", `p.toml:4: rule[1] "a": fd: unknown kind "fiel"; did you mean "file"? allowed are file, dir, block, char, tty, pipe, socket, anon, pseudo, unknown, none`},
		// syntax
		{"[collect]\ntop = ", `p.toml:2: is not TOML: unexpected EOF; expected value`},
		{"[collect\ntop = 1", `p.toml:1: is not TOML: expected '.' or ']' to end table name, but got '\n' instead`},
		{"a = 1\na = 2", `p.toml:2: a: is defined on line 1 already`},
		{"[collect]\ntop = 1\n[collect]\ntop = 2", `p.toml:3: collect: is defined on line 1 already`},
		{"[collect]\ntop = 1\n\n\"top\" = 2", `p.toml:4: top: is defined on line 2 already`},
		{"collect = {top = 1, top = 2}", `p.toml:1: top: is defined on line 1 already`},
		{"a = \"\xff\"", `p.toml:1: is not TOML: invalid UTF-8 byte: 0xff`},
		{"a = \"\"\"\n\\\\\"\"\"\"\"\"", `p.toml:2: is not TOML from here on`}, // the library accepts six quotes after \\
		{"\xfe\xff\x00a\x00=\x001", `p.toml:1: is UTF-16; TOML is UTF-8`},
		{"a.b.c.d.e.f.g.h.i = 1", `p.toml:1: has more parts than any key of a policy`},
		{"\na = [[[[[[[[[1]]]]]]]]]", `p.toml:2: is nested deeper than any value of a policy`},
	} {
		e := parseError(t, tt.text)
		if got := e.Error(); got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestTheFirstErrorInTheFileIsTheOneReported(t *testing.T) {
	e := parseError(t, "[output]\njournal = 1\n[zzz]\n[collect]\ntop = 0\n")
	if e.Line != 2 || e.Key != "output.journal" {
		t.Errorf("the error is %v", e)
	}
}

func TestParseBounds(t *testing.T) {
	rules := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\nthreshold = \"1s\"\n", i)
		}
		return b.String()
	}
	if p := mustParse(t, rules(MaxRules)); len(p.Rules) != MaxRules {
		t.Errorf("%d rules", len(p.Rules))
	}
	pids := func(n int) string { return "[filter]\npids = [" + strings.Repeat("1,", n) + "]" }
	mustParse(t, pids(MaxTargets))
	mustParse(t, "[filter]\nsyscalls = ["+strings.Repeat("'read',", MaxList)+"]")
	mustParse(t, "#"+strings.Repeat("x", MaxBytes-1))
	for _, tt := range []struct{ text, want string }{
		{rules(MaxRules + 1), "p.toml:1: rule: there are 1001; at most 1000 are allowed"},
		{pids(MaxTargets + 1), "p.toml:2: filter.pids: has 129 entries; at most 128 are allowed"},
		{"[filter]\nunits = [" + strings.Repeat("'a.scope',", 129) + "]", "p.toml:2: filter.units: has 129 entries; at most 128 are allowed"},
		{"[filter]\ncgroups = [" + strings.Repeat("'/',", 129) + "]", "p.toml:2: filter.cgroups: has 129 entries; at most 128 are allowed"},
		{"[filter]\nsyscalls = [" + strings.Repeat("'read',", 1025) + "]", "p.toml:2: filter.syscalls: has 1025 entries; at most 1024 are allowed"},
		{"#" + strings.Repeat("x", MaxBytes), "p.toml: is longer than 1024 KiB, more than any policy needs"},
		{"[filter]\nsyscalls = [\"" + strings.Repeat("x", 2000) + "\"]",
			"p.toml:2: filter.syscalls: \"" + strings.Repeat("x", 60) + "\"... has 2000 bytes; at most 1024 are allowed"},
	} {
		if e := parseError(t, tt.text); e.Error() != tt.want {
			t.Errorf("got %v, want %s", e, tt.want)
		}
	}
}

// Documents that are built to cost time or stack are refused like any other.
func TestHostileDocumentsAreOnlyErrors(t *testing.T) {
	for name, text := range map[string]string{
		"deep arrays":              "a = " + strings.Repeat("[", MaxBytes-10),
		"deep inline tables":       strings.Repeat("a={", MaxBytes/3-10),
		"deep behind a fault":      "a = ? " + strings.Repeat("[", MaxBytes-10),
		"deep in an array":         "a = [ x " + strings.Repeat("[\n", MaxBytes/2-10),
		"long dotted key":          strings.Repeat("a.", MaxBytes/2-10) + "a = 1",
		"long dotted header":       "[" + strings.Repeat("a.", MaxBytes/2-10) + "a]",
		"one long key":             strings.Repeat("a", MaxBytes-10) + " = 1",
		"one long string":          "a = \"" + strings.Repeat("a", MaxBytes-10) + "\"",
		"open string":              "a = \"" + strings.Repeat("a", MaxBytes-10),
		"open long string":         "a = \"\"\"" + strings.Repeat("\n", MaxBytes-10),
		"backslashes":              "a = \"" + strings.Repeat(`\`, MaxBytes-10),
		"many keys":                strings.Repeat("a = 1\n", MaxBytes/6),
		"many rules":               strings.Repeat("[[rule]]\n", MaxBytes/40),
		"a hundred thousand rules": "rule = [" + strings.Repeat("{},", 100_000) + "]",
		"64 MiB":                   strings.Repeat("#", 64<<20),
		"a long list":              "[filter]\npids = [" + strings.Repeat("1,", MaxBytes/10) + "]",
		"only NUL":                 strings.Repeat("\x00", 1000),
		"UTF-16":                   "\xff\xfea\x00=\x001\x00",
		"a stray BOM":              "[collect]\n\ufefftop = 1",
	} {
		_, err := Parse(name, []byte(text))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if len(err.Error()) > 1000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}
