package policy

import (
	"strings"
	"testing"
	"time"
)

func TestCheckUnit(t *testing.T) {
	for name, want := range map[string]string{
		"nginx.service":                       "",
		"postgresql@15-main.scope":            "",
		`system-systemd\x2dx.slice`:           "",
		"-.slice":                             "",
		"a:b_c.socket":                        "",
		"foo@.service":                        `is a template; give an instance of it, such as "foo@1.service"`,
		"foo@bar@baz.service":                 "",
		"@x.service":                          "nothing is before .service",
		".service":                            "nothing is before .service",
		"cron.timer":                          "has no processes: units of type .timer only start others",
		"multi-user.target":                   "has no processes",
		"nginx":                               `did you mean "nginx.service"?`,
		"":                                    "must end in",
		"a b.service":                         "is no unit name",
		"a/b.service":                         "is no unit name",
		"ä.service":                           "is no unit name",
		"a\n.service":                         "is no unit name",
		"*.service":                           "globs are for rules",
		"a?.service":                          "globs are for rules",
		strings.Repeat("a", 248) + ".service": "is no unit name",
		strings.Repeat("a", 247) + ".service": "",
	} {
		checkReason(t, "unit "+name, checkUnit(name), want)
	}
}

// checkReason wants no reason at all, or one that has a certain text.
func checkReason(t *testing.T, what, got, want string) {
	t.Helper()
	if (got == "") != (want == "") || !strings.Contains(got, want) {
		t.Errorf("%q: %q, want %q", what, got, want)
	}
	if strings.ContainsAny(got, "\n\x1b\x00") {
		t.Errorf("%q: the reason %q has control characters", what, got)
	}
}

func TestCheckCgroup(t *testing.T) {
	for path, want := range map[string]string{
		"/":                           "",
		"/system.slice/nginx.service": "",
		`/a\x2db/ü`:                   "",
		"":                            "must be an absolute path",
		"system.slice":                "must be an absolute path",
		"/a/":                         `must be spelled "/a"`,
		"/a/../b":                     `must be spelled "/b"`,
		"//a":                         `must be spelled "/a"`,
		"/a\x00b":                     "must not hold a NUL byte",
		"/sys/fs/cgroup/system.slice": `without /sys/fs/cgroup: "/system.slice"`,
		"/sys/fs/cgroup":              `without /sys/fs/cgroup: "/"`,
	} {
		checkReason(t, "cgroup "+path, checkCgroup(path), want)
	}
}

func TestCheckGlobs(t *testing.T) {
	for pattern, want := range map[string]string{
		"*":                   "",
		"postgresql*.service": "",
		`a\x2d*`:              "", // a backslash is a character of unit names, not an escape
		`a\[`:                 "is no glob",
		"[":                   "is no glob",
		"a[b-":                "is no glob",
		"x*[":                 "is no glob", // beyond what has to be read to see that "" does not match
		"nginx":               "did you mean",
		"":                    "must end in",
	} {
		checkReason(t, "unit glob "+pattern, checkUnitGlob(pattern), want)
	}
	for pattern, want := range map[string]string{
		"postgres":         "",
		"fifteen-bytes15":  "",
		"sixteen-bytes-16": "can never match",
		"sixteen-bytes-*x": "",
		"":                 "matches nothing",
		"[":                "is no glob",
	} {
		checkReason(t, "comm glob "+pattern, checkCommGlob(pattern), want)
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.service", "a.service", true},
		{"a.service", "aa.service", false},
		{"postgresql*.service", "postgresql@15-main.service", true},
		{"postgresql*.service", "postgresql.slice", false},
		{"kworker*", "kworker/0:1-events", true},
		{"kworker/?:*", "kworker/0:1-events", true},
		{"k*:?", "kworker/0:1", true},
		{"*", "", true},
		{"*", "a/b\n\xff", true},
		{"?", "/", true},
		{"?", "ab", false},
		{"[a-c]x", "bx", true},
		{"[^a-c]x", "bx", false},
		{`a\x2d*`, `a\x2db.scope`, true},
		{`a\x2d*c`, `a\x2dbc`, true},
		{`a\*`, `a\bc`, true},
		{`a\*`, `a*`, false},
		{"日*", "日本", true},
		{"a?c", "a\xffc", true},
		{"a", "A", false},
	} {
		if got := compileGlob(tt.pattern).match(tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for i, name := range []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"} {
		s, ok := ParseSeverity(name)
		if !ok || int(s) != i || s.String() != name {
			t.Errorf("%s is %d (%v) and prints as %s", name, s, ok, s)
		}
	}
	for word, want := range map[string]Severity{"error": Err, "warn": Warning} {
		if s, ok := ParseSeverity(word); !ok || s != want {
			t.Errorf("%s is %v, %v", word, s, ok)
		}
	}
	for _, word := range []string{"", "Warning", "4", "fatal", "unknown"} {
		if _, ok := ParseSeverity(word); ok {
			t.Errorf("%q is accepted", word)
		}
	}
	for _, s := range []Severity{-1, 8} {
		if s.String() != "unknown" {
			t.Errorf("%d prints as %s", int(s), s)
		}
	}
}

func TestParseThreshold(t *testing.T) {
	for text, want := range map[string]time.Duration{"20ms": 20 * ms, "1us": time.Microsecond, "1.5s": 1500 * ms, "24h": MaxThreshold, "never": Never} {
		if got, err := ParseThreshold(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "0s", "-1s", "20", "20 ms", "1d", "Never", "24h1ns", "NaN", "1s\n", "999ns"} {
		_, err := ParseThreshold(text)
		if err == nil || !strings.HasPrefix(err.Error(), "threshold "+shown(text)+": must be ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", time.Hour: "1h", 90 * time.Second: "1m30s", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m",
		time.Hour + time.Minute: "1h1m", 20 * ms: "20ms", 1500 * time.Nanosecond: "1.5us", Never: "never", 20 * time.Hour: "20h",
		500 * ms: "500ms", 10 * time.Second: "10s",
	} {
		got := FormatDuration(d)
		if got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
		if back, err := ParseThreshold(got); err != nil || back != d {
			t.Errorf("%q parses to %v, %v", got, back, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		give Error
		want string
	}{
		{Error{File: "a", Line: 3, Key: "k", Value: "v", Reason: "r"}, "a:3: k = v: r"},
		{Error{File: "a", Reason: "r"}, "a: r"},
		{Error{Line: 3, Key: "k", Reason: "r"}, "line 3: k: r"},
		{Error{File: "a\n\x1b[31m", Reason: "r"}, "a\ufffd\ufffd[31m: r"},
	} {
		if got := tt.give.Error(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.give, got, tt.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	p := mustParse(t, `
[collect]
group_by = "none"
[filter]
pids = [812, 3]
units = ["nginx.service"]
cgroups = ["/x"]
syscalls = ["@sync"]
[slow]
threshold = "never"
[[rule]]
name = "all"
units = ["a*"]
comms = ["b*"]
threshold = "never"
[[rule]]
name = "one"
syscalls = ["fsync"]
fd = ["file", "none"]
threshold = "20ms"
severity = "crit"
[[rule]]
name = "two"
syscalls = ["sync", "read"]
threshold = "30ms"
[[rule]]
name = "dead"
syscalls = ["read"]
threshold = "1ms"
[[rule]]
name = "sock"
syscalls = ["write"]
fd = ["socket"]
threshold = "1ms"
[output]
journal = "on"
cmdline = false
`)
	want := `Policy: p.toml.
Counting: every call is counted and timed, as far as 2% of all CPUs allow (mode auto); each 1m a summary for the whole host together: the 20 busiest rows, the rest folded into one.
Observed: only processes 812, 3; units nginx.service; cgroups /x; of the system calls only @sync.
Slow calls; the first rule that matches decides:
  1. all: any call that does not wait, in a*, by commands named b*: never reported.
  2. one: fsync, on file or no fd at all: 20ms or longer is reported as crit.
  3. two: sync, read: 30ms or longer is reported as warning.
  4. dead: read: 1ms or longer is reported as warning.
     It can never decide: rules before it take all of its calls.
  5. sock: write, on socket: 1ms or longer is reported as warning.
  No other call is reported.
  A slow call that has not returned after 10s is reported as stuck; while there may be one we look each 2s.
At most 50 slow records a second, or 200 at once; what is held back is counted and reported.
Up to 8192 groups are told apart; calls of any further ones are counted together.
Records: to the journal, without command lines.
`
	if got := p.Describe(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDescribeTheDefault(t *testing.T) {
	got := Default().Describe()
	for _, want := range []string{"Policy: the built-in default; no file was read.", "Observed: the whole host.", "a summary per unit",
		"Any other call: 1s or longer is reported as warning, except calls that wait", "or to standard output where there is none, with command lines"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}
