package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// full is a call of which everything is known.
func full() Call {
	return Call{
		Syscall: "fsync", ABI: bpf.ABIx8664, Unit: "db.service", Cgroup: `/system.slice/system-db\x2dx.slice/db.service/worker`,
		ContainerID: "3f2a1b", Runtime: "docker", Comm: "db", Executable: "/usr/lib/db/15/bin/db", UID: 113,
		FDKind: FDFile, Paths: []string{"/srv/db/wal/0001", "wal/0001"}, Duration: 100 * ms, Errno: 5,
		Times: Times{Known: true, IOWait: 60 * ms, Runqueue: 30 * ms, CPU: 10 * ms},
	}
}

// Each condition lets the rule match a call or not, beside all that it asks otherwise.
func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		condition string
		want      bool
		change    func(*Call)
	}{
		{`abis = ["i386", "x86_64"]`, true, nil},
		{`abis = ["i386"]`, false, nil},
		{`units = ["db*"]`, true, nil},
		{`units = ["web*"]`, false, nil},
		{`cgroups = ["/system.slice/**"]`, true, nil},
		{`cgroups = ["/system.slice/*"]`, false, nil},
		{`cgroups = ['/*/system-db\x2dx.slice/*/worker']`, true, nil},
		{`cgroups = ["/system.slice"]`, false, nil},
		{`cgroups = ["/user.slice", "/**"]`, true, nil},
		{`containers = ["docker"]`, true, nil},
		{`containers = ["3f2a*"]`, true, nil},
		{`containers = ["3f2a"]`, false, nil},
		{`containers = ["*"]`, true, nil},
		{`containers = ["*"]`, false, func(c *Call) { c.ContainerID, c.Runtime = "", "" }},
		{`containers = ["*"]`, true, func(c *Call) { c.Runtime = "" }},
		{`comms = ["d?"]`, true, nil},
		{`executables = ["/usr/lib/db/*/bin/db"]`, true, nil},
		{`executables = ["/usr/lib/db/*/db"]`, false, nil},
		{`executables = ["**/db"]`, true, nil},
		{`executables = ["**"]`, false, func(c *Call) { c.Executable = "" }},
		{`executables = ["/**"]`, false, func(c *Call) { c.Executable = "" }},
		{`uids = [0, 113]`, true, nil},
		{`uids = [0]`, false, nil},
		{`fd = ["file"]`, true, nil},
		{`fd = ["dir"]`, false, nil},
		{`paths = ["/srv/**"]`, true, nil},
		{`paths = ["/srv"]`, false, nil},
		{`paths = ["**/wal/*"]`, true, nil},
		{`paths = ["/home/**", "**/0001"]`, true, nil},
		{`paths = ["**"]`, false, func(c *Call) { c.Paths = nil }},
		{`result = "any"`, true, nil},
		{`result = "failed"`, true, nil},
		{`result = "ok"`, false, nil},
		{`result = "ok"`, true, func(c *Call) { c.Errno = 0 }},
		{`result = "failed"`, false, func(c *Call) { c.Errno = 0 }},
		{`result = "ok"`, false, func(c *Call) { c.Open = true }},
		{`result = "failed"`, false, func(c *Call) { c.Open = true }},
		{`result = "any"`, true, func(c *Call) { c.Open = true }},
		{`errnos = ["ENOSPC", "EIO"]`, true, nil},
		{`errnos = ["ENOSPC"]`, false, nil},
		{`errnos = ["EWOULDBLOCK"]`, true, func(c *Call) { c.Errno = 11 }},
		{`errnos = ["EIO"]`, false, func(c *Call) { c.Open = true }},
		{`io_wait = "any"`, true, func(c *Call) { c.Times = Times{} }},
		{`io_wait = "60%"`, true, nil},
		{`io_wait = "61%"`, false, nil},
		{`io_wait = "60ms"`, true, nil},
		{`io_wait = "60.001ms"`, false, nil},
		{`io_wait = "1%"`, false, func(c *Call) { c.Times.Known = false }},
		{`runqueue = "30%"`, true, nil},
		{`runqueue = "31ms"`, false, nil},
		{`cpu = "10ms"`, true, nil},
		{`cpu = "11%"`, false, nil},
		{"io_wait = \"50%\"\ncpu = \"50%\"", false, nil},
		{"uids = [113]\nunits = [\"web.service\"]", false, nil},
	} {
		p := mustParse(t, "[[rule]]\nname = \"it\"\nthreshold = \"1ms\"\n"+tt.condition)
		c := full()
		if tt.change != nil {
			tt.change(&c)
		}
		v, _ := p.Judge(c)
		if got := v.Rule == "it"; got != tt.want {
			t.Errorf("%s: matches %v", tt.condition, got)
		}
	}
}

// A rule that the kernel side cannot decide about must neither hide the calls of the rules
// after it, nor be hidden by them.
func TestAConditionOfUserSpaceLowersTheFloor(t *testing.T) {
	fsync := bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}
	for condition, want := range map[string]time.Duration{
		`units = ["a.service"]`:          2 * ms,
		`cgroups = ["/a"]`:               2 * ms,
		`containers = ["a"]`:             2 * ms,
		`comms = ["a"]`:                  2 * ms,
		`executables = ["/a"]`:           2 * ms,
		`uids = [1]`:                     2 * ms,
		`paths = ["/a"]`:                 2 * ms,
		`result = "failed"`:              2 * ms,
		`errnos = ["EIO"]`:               2 * ms,
		`io_wait = "50%"`:                2 * ms,
		`runqueue = "50%"`:               2 * ms,
		`cpu = "50%"`:                    2 * ms,
		`fd = ["file"]`:                  2 * ms,
		`abis = ["x86_64"]`:              5 * ms,
		`result = "any"`:                 5 * ms,
		`stack = true`:                   5 * ms,
		`rate = 1`:                       5 * ms,
		`abis = ["i386"]`:                2 * ms, // of another ABI: it says nothing about this one
		"abis = [\"i386\"]\nuids = [42]": 2 * ms,
	} {
		p := mustParse(t, "[[rule]]\nname = \"first\"\nsyscalls = [\"fsync\"]\nthreshold = \"5ms\"\n"+condition+
			"\n[[rule]]\nname = \"second\"\nsyscalls = [\"fsync\"]\nthreshold = \"2ms\"\n")
		if got := p.Floor(fsync); got != want {
			t.Errorf("%s: the floor is %v, want %v", condition, got, want)
		}
	}
}

// A rule for one unit makes the kernel hand over more, but no more of it slow.
func TestALowerFloorMakesNoOthersSlow(t *testing.T) {
	p := mustParse(t, "[[rule]]\nname = \"db\"\nunits = [\"db.service\"]\npaths = [\"/srv/**\"]\nthreshold = \"1ms\"\n[slow]\nthreshold = \"1s\"\n")
	c := full()
	if v, slow := p.Judge(c); !slow || v.Rule != "db" {
		t.Errorf("%+v, %v", v, slow)
	}
	c.Unit = "web.service"
	if v, slow := p.Judge(c); slow || v.Rule != "default" {
		t.Errorf("%+v, %v", v, slow)
	}
}

func TestOvershoot(t *testing.T) {
	p := mustParse(t, `
[[rule]]
name = "late"
syscalls = ["@wait", "poll"]
overshoot = "20ms"
[[rule]]
name = "never-asked"
syscalls = ["nanosleep"]
threshold = "1s"
`)
	for _, tt := range []struct {
		name string
		call Call
		slow bool
	}{
		{"late", Call{Syscall: "nanosleep", Duration: time.Second, HasTimeout: true, Overshoot: 20 * ms}, true},
		{"in time, however long", Call{Syscall: "nanosleep", Duration: hours, HasTimeout: true, Overshoot: 20*ms - 1}, false},
		{"without a time-out", Call{Syscall: "futex", Duration: hours}, false},
		{"one that cannot have any", Call{Syscall: "accept", FDKind: FDSocket, Duration: hours}, false},
		{"still open, and late", Call{Syscall: "poll", Duration: hours, Open: true, HasTimeout: true, Overshoot: time.Minute}, true},
	} {
		v, slow := p.Judge(tt.call)
		if slow != tt.slow || v.Rule != "late" || v.Threshold != 20*ms || !v.Overshoot {
			t.Errorf("%s: %v by %+v", tt.name, slow, v)
		}
	}
	for name, want := range map[string]time.Duration{"nanosleep": 20 * ms, "poll": 20 * ms, "accept": Never, "ppoll": Never, "fsync": time.Second} {
		if got := p.Floor(syscalls.Numbers(name, []bpf.ABI{bpf.ABIx8664})[0]); got != want {
			t.Errorf("the floor of %s is %v, want %v", name, got, want)
		}
	}
}

func TestAuto(t *testing.T) {
	p := mustParse(t, "[slow]\nthreshold = \"1s\"\n[learn]\nfloor = \"5ms\"\n[[rule]]\nname = \"unusual\"\nsyscalls = [\"@sync\", \"@storage\"]\nthreshold = \"auto\"\n")
	for _, tt := range []struct {
		learned, took, threshold time.Duration
		slow                     bool
	}{
		{0, 999 * ms, time.Second, false},
		{0, time.Second, time.Second, true},
		{20 * ms, 20 * ms, 20 * ms, true},
		{20 * ms, 19 * ms, 20 * ms, false},
		{ms, 4 * ms, 5 * ms, false}, // never below the floor
	} {
		v, slow := p.Judge(Call{Syscall: "fsync", FDKind: FDFile, Duration: tt.took, Learned: tt.learned})
		if v.Rule != "unusual" || !v.Auto || v.Threshold != tt.threshold || slow != tt.slow {
			t.Errorf("%+v: %+v, %v", tt, v, slow)
		}
	}
	if got := p.Floor(bpf.Syscall{ABI: bpf.ABIx8664, Nr: 74}); got != 5*ms {
		t.Errorf("the kernel side hands over from %v on", got)
	}
	for name, want := range map[string]bool{"fsync": true, "rename": true, "read": false, "getpid": false, "futex": false} {
		if p.Learns(name) != want {
			t.Errorf("%s is learned: %v", name, !want)
		}
	}
	if Default().LearnsAny() || !p.LearnsAny() {
		t.Error("who learns is wrong")
	}
	never := mustParse(t, "[slow]\nthreshold = \"never\"\n[[rule]]\nname = \"u\"\nsyscalls = [\"fsync\"]\nthreshold = \"auto\"\n")
	if v, slow := never.Judge(Call{Syscall: "fsync", Duration: hours}); slow || v.Threshold != Never {
		t.Errorf("while nothing is known: %+v, %v", v, slow)
	}
}

func TestRulesThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct{ lines, want string }{
		{"overshoot = \"1s\"\nthreshold = \"1s\"", `p.toml:3: rule[1] "a": overshoot: cannot stand beside threshold: a rule judges by the one or by the other`},
		{"action = \"ignore\"\nthreshold = \"1s\"", `p.toml:4: rule[1] "a": threshold: means nothing beside action = "ignore": what matches is never slow`},
		{"action = \"ignore\"\novershoot = \"1s\"", `p.toml:4: rule[1] "a": overshoot: means nothing beside action = "ignore": what matches is never slow`},
		{"action = \"report\"", `p.toml:1: rule[1] "a": threshold: is missing; a rule needs one, such as "20ms", or an overshoot, or action = "ignore"`},
		{"action = \"drop\"", `p.toml:3: rule[1] "a": action = "drop": must be "report" or "ignore"`},
		{"overshoot = \"1s\"", `p.toml:3: rule[1] "a": overshoot: needs syscalls that take a time-out, such as syscalls = ["nanosleep", "epoll_wait"]`},
		{"overshoot = \"never\"\nsyscalls = [\"poll\"]", `p.toml:3: rule[1] "a": overshoot = "never": must be a duration with its unit (ns, us, ms, s, m, h), such as "20ms"`},
		{"overshoot = \"1s\"\nsyscalls = [\"poll\", \"fsync\"]", `p.toml:4: rule[1] "a": syscalls: "fsync" has no time-out that can be read when it ends; overshoot is for calls that do, such as nanosleep, poll, epoll_wait and futex`},
		{"overshoot = \"1s\"\nsyscalls = [\"@sync\"]", `p.toml:4: rule[1] "a": syscalls: "@sync" has no time-out that can be read when it ends; overshoot is for calls that do, such as nanosleep, poll, epoll_wait and futex`},
		{"threshold = \"auto\"", `p.toml:3: rule[1] "a": threshold = "auto": needs syscalls of which it can be learned, such as syscalls = ["@sync"]`},
		{"threshold = \"auto\"\nsyscalls = [\"fsync\", \"read\"]", `p.toml:4: rule[1] "a": syscalls: "read" waits, on sockets and pipes if not always: what it usually takes says nothing, so that threshold = "auto" is not for it`},
		{"threshold = \"auto\"\nsyscalls = [\"fsync\"]\n[collect]\ngroup_by = \"comm\"", `p.toml:3: rule "a": threshold: cannot be learned by unit: "auto" needs [collect] group_by = "unit"`},
		{"threshold = \"1s\"\nresult = \"ok\"\nerrnos = [\"EIO\"]", `p.toml:5: rule[1] "a": errnos: can never match: result = "ok" is for calls that return no error`},
		{"threshold = \"1s\"\nerrnos = [\"ENOSPAC\"]", `p.toml:4: rule[1] "a": errnos: unknown error "ENOSPAC"; did you mean "ENOSPC"?`},
		{"threshold = \"1s\"\nerrnos = [\"nonsense\"]", `p.toml:4: rule[1] "a": errnos: unknown error "nonsense"; errors are named as in errno(3), such as "EIO"`},
		{"threshold = \"1s\"\nabis = [\"x86-64\"]", `p.toml:4: rule[1] "a": abis: unknown ABI "x86-64"; did you mean "x86_64"? allowed are x86_64, i386, x32, aarch64, arm`},
		{"threshold = \"1s\"\npaths = [\"srv\"]", `p.toml:4: rule[1] "a": paths: "srv" must begin with / or **, such as "/srv/**" or "**/*.wal"`},
		{"threshold = \"1s\"\npaths = [\"/a[\"]", `p.toml:4: rule[1] "a": paths: "/a[" is no glob: * is any text in one directory's name, ** any directories, ? one character, [a-z] one of a set, which must end`},
		{"threshold = \"1s\"\ncgroups = [\"/sys/fs/cgroup/a*\"]", `p.toml:4: rule[1] "a": cgroups: "/sys/fs/cgroup/a*" must be a path inside the hierarchy, without /sys/fs/cgroup: "/a*"`},
		{"threshold = \"1s\"\nuids = [-1]", `p.toml:4: rule[1] "a": uids: -1 must be a user id from 0 to 4294967294`},
		{"threshold = \"1s\"\nio_wait = \"120%\"", `p.toml:4: rule[1] "a": io_wait = "120%": must be a whole percentage of the duration from "1%" to "100%"`},
		{"threshold = \"1s\"\nio_wait = \"much\"", `p.toml:4: rule[1] "a": io_wait = "much": must be a part of the duration such as "50%", a time such as "20ms", or "any"`},
	} {
		if got := parseError(t, "[[rule]]\nname = \"a\"\n"+tt.lines+"\n").Error(); got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.lines, got, tt.want)
		}
	}
}

func TestIgnoreIsNever(t *testing.T) {
	ignore := mustParse(t, "[[rule]]\nname = \"a\"\naction = \"ignore\"\n")
	never := mustParse(t, "[[rule]]\nname = \"a\"\nthreshold = \"never\"\n")
	if !equal(ignore, never) || !strings.Contains(never.TOML(), "action = \"ignore\"") {
		t.Errorf("they differ:\n%s\n%s", ignore.TOML(), never.TOML())
	}
}

func TestPathGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"/srv/**", "/srv", true},
		{"/srv/**", "/srv/a/b", true},
		{"/srv/**", "/srvx", false},
		{"/srv/*", "/srv/a/b", false},
		{"/**/b", "/b", true},
		{"/**/b", "/a/a/b", true},
		{"**/b", "/a/b", true},
		{"**/b", "b", true},
		{"/a{b,c}", "/ab", false},
		{"/a{b,c}*", "/a{b,c}d", true},
		{`/a\x2d*`, `/a\x2db`, true},
		{`/a\*`, `/a\b`, true},
		{"/a[0-9]/?", "/a7/x", true},
		{"/**", "", false},
	} {
		if got := compilePathGlob(tt.pattern).match(tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.name, got)
		}
		if reason := checkPathGlob(tt.pattern); reason != "" {
			t.Errorf("%q is refused: %s", tt.pattern, reason)
		}
	}
}

// The short cuts say what the library says.
func TestShortCutsOfPathGlobs(t *testing.T) {
	random := rand.New(rand.NewPCG(31, 32))
	matched := 0
	for range 20000 {
		var pattern, name string
		for range 1 + random.IntN(5) {
			pattern += pick(random, "/", "/**", "/*", "a", "b", "?", "**/", "ab")
			name += pick(random, "/", "/a", "b", "/ab", "x")
		}
		if checkPathGlob(pattern) != "" {
			continue
		}
		want := name != "" && doublestar.MatchUnvalidated(escapePathGlob.Replace(pattern), name)
		if got := compilePathGlob(pattern).match(name); got != want {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
		matched += count(want)
	}
	if matched < 100 {
		t.Errorf("only %d patterns matched", matched)
	}
}

// Any number of units and commands leaves the memos bounded, and the verdicts right.
func TestMemosAreBounded(t *testing.T) {
	p := mustParse(t, "[[rule]]\nname = \"a\"\nunits = [\"a*\"]\nthreshold = \"1ms\"\n")
	for i := range 3 * maxMemo {
		for prefix, want := range map[string]string{"a": "a", "b": "default"} {
			if v, _ := p.Judge(Call{Syscall: "getpid", Unit: fmt.Sprint(prefix, i)}); v.Rule != want {
				t.Fatalf("%s%d: rule %s", prefix, i, v.Rule)
			}
		}
	}
	if n := len(p.judge.units.known); n == 0 || n > maxMemo {
		t.Errorf("%d units are kept", n)
	}
}

// busyPolicy has 500 rules with every kind of condition, and is asked about 200 units.
func busyPolicy(tb testing.TB) (*Policy, []Call) {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\nthreshold = \"20ms\"\n%s\n", i, []string{
			fmt.Sprintf("units = [\"app-%d@*[a-f].service\"]", i%200),
			fmt.Sprintf("syscalls = [\"@storage\"]\ncgroups = [\"/**/app-%d@*/x%d\"]", i%200, i),
			fmt.Sprintf("executables = [\"/opt/*/app-%d\"]\ncomms = [\"app-%d\"]", i, i),
			fmt.Sprintf("syscalls = [\"@sync\"]\npaths = [\"/srv/**/%d/*\"]", i),
			fmt.Sprintf("uids = [%d]\nresult = \"failed\"\nio_wait = \"50%%\"", i),
		}[i%5])
	}
	var calls []Call
	for i := range 200 {
		c := full()
		c.Unit = fmt.Sprintf("app-%d@z.service", i)
		c.Cgroup = "/system.slice/" + c.Unit
		c.UID = 1000
		calls = append(calls, c)
	}
	return mustParse(tb, b.String()), calls
}

// No rule matches, so that all are looked at.
func BenchmarkJudge500Rules200Units(b *testing.B) {
	p, calls := busyPolicy(b)
	for i := 0; b.Loop(); i++ {
		if v, _ := p.Judge(calls[i%len(calls)]); v.Rule != "default" {
			b.Fatalf("rule %s decides", v.Rule)
		}
	}
}
