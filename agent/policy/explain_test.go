package policy

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/bpf"
)

// The explanation is that of the verdict: no rule before the one that decides matches, and
// each says why.
func TestExplainAgreesWithTheJudge(t *testing.T) {
	random := rand.New(rand.NewPCG(41, 42))
	decided := 0
	for range 300 {
		p := randomPolicy(random)
		for range 50 {
			c := randomCall(random, bpf.Syscall{ABI: bpf.ABI(random.IntN(3)), Nr: int32(random.IntN(300))})
			e := p.Explain(c)
			v, slow := p.Judge(c)
			if e.Verdict != v || e.Slow != slow {
				t.Fatalf("%+v: %+v, the judge says %+v, %v", c, e, v, slow)
			}
			rule := defaultVerdict
			for _, step := range e.Steps {
				if step.Matches != (step.Why == "") || rule != defaultVerdict {
					t.Fatalf("%+v: steps %+v", c, e.Steps)
				}
				if step.Matches {
					rule = step.Rule
					decided++
				}
			}
			if rule != v.Rule {
				t.Fatalf("%+v: rule %s by the steps, %s by the judge:\n%s", c, rule, v.Rule, p.TOML())
			}
			if slow && c.Duration < e.Kernel {
				t.Fatalf("%+v is slow, but the kernel hands it over from %v on:\n%s", c, e.Kernel, p.TOML())
			}
		}
	}
	if decided < 300 {
		t.Errorf("a rule decided only %d times", decided)
	}
}

func TestExplainSaysWhichConditionIsNotMet(t *testing.T) {
	for condition, want := range map[string]string{
		`syscalls = ["@memlock", "read"]`:           "syscalls: fsync is not in @memlock, read",
		`abis = ["i386"]`:                           "abis: x86_64 is none of i386",
		`units = ["web*", "b.service"]`:             "units: db.service is none of web*, b.service",
		`cgroups = ["/user.slice/**"]`:              `cgroups: /system.slice/system-db\x2dx.slice/db.service/worker is none of /user.slice/**`,
		`containers = ["podman"]`:                   "containers: 3f2a1b docker is none of podman",
		`comms = ["web"]`:                           "comms: db is none of web",
		`executables = ["/bin/*"]`:                  "executables: /usr/lib/db/15/bin/db is none of /bin/*",
		`uids = [0, 1]`:                             "uids: 113 is not in [0 1]",
		`fd = ["dir"]`:                              "fd: file is none of dir",
		`paths = ["/home/**"]`:                      "paths: /srv/db/wal/0001 wal/0001 is none of /home/**",
		`result = "ok"`:                             "result: the call failed",
		`errnos = ["ENOSPC"]`:                       "errnos: it failed with none of ENOSPC",
		`io_wait = "70%"`:                           "io_wait: 60ms of 100ms is less than 70%",
		"runqueue = \"1ms\"\ncpu = \"20ms\"":        "cpu: 10ms of 100ms is less than 20ms",
		"units = [\"web*\"]\ncomms = [\"nothing\"]": "units: db.service is none of web*",
	} {
		p := mustParse(t, "[[rule]]\nname = \"it\"\nthreshold = \"1ms\"\n"+condition)
		if e := p.Explain(full()); len(e.Steps) != 1 || e.Steps[0] != (Step{"it", false, want}) || e.Verdict.Rule != defaultVerdict {
			t.Errorf("%s: %+v", condition, e)
		}
	}
	open := full()
	open.Open, open.Unit, open.Times = true, "", Times{}
	for condition, want := range map[string]string{
		`result = "failed"`: "result: the call has not returned",
		`units = ["a*"]`:    "units: the call has none, and the rule wants a*",
		`cpu = "1%"`:        "cpu: it is not known where the call's time went",
	} {
		p := mustParse(t, "[[rule]]\nname = \"it\"\nthreshold = \"1ms\"\n"+condition)
		if e := p.Explain(open); e.Steps[0].Why != want {
			t.Errorf("%s: %+v", condition, e)
		}
	}
}

func TestExplainTheKernelsThreshold(t *testing.T) {
	p := mustParse(t, "[[rule]]\nname = \"a\"\nsyscalls = [\"read\"]\nunits = [\"a.service\"]\nfd = [\"file\"]\nthreshold = \"5ms\"\n")
	for _, tt := range []struct {
		call Call
		want time.Duration
	}{
		{Call{Syscall: "read", FDKind: FDFile, Unit: "a.service"}, 5 * ms},
		{Call{Syscall: "read", FDKind: FDFile, Unit: "b.service"}, time.Second},
		{Call{Syscall: "read", FDKind: FDSocket}, Never},
		{Call{Syscall: "epoll_wait"}, Never},
		{Call{Syscall: "getpid"}, time.Second},
	} {
		if e := p.Explain(tt.call); e.Kernel != tt.want {
			t.Errorf("%+v: from %v on", tt.call, e.Kernel)
		}
	}
	if e := p.WithThreshold([]string{"epoll_wait"}, ms).Explain(Call{Syscall: "epoll_wait"}); e.Kernel != ms || e.Verdict.Rule != overrideVerdict || e.Steps != nil {
		t.Errorf("with an override: %+v", e)
	}
}

func TestUnreachableRulesHaveNames(t *testing.T) {
	p := mustParse(t, rule("all", "1s")+"[[rule]]\nname = \"dead\"\nsyscalls = [\"getpid\"]\nthreshold = \"1s\"\n")
	if got := p.Unreachable(); !reflect.DeepEqual(got, []string{"dead"}) {
		t.Errorf("%v", got)
	}
}

func TestSnippet(t *testing.T) {
	long := "[filter]\nsyscalls = [" + strings.Repeat("'read', ", 40) + "'raed', 'x']"
	for _, tt := range []struct{ text, want string }{
		{"[collect]\ntop = 0\n", "    top = 0\n    ^\n"},
		{"\ufeff[collect]\r\n\ttop = 0 # \u202e\r\n", "     top = 0 # \ufffd\n     ^\n"},
		{"[filter]\nunits = ['ä.service']", "    units = ['ä.service']\n             ^\n"},
		{"[filter]\ncgroups = ['/ü', 'x']", "    cgroups = ['/ü', 'x']\n                     ^\n"},
		{"[collect]\ntop = 1\ntop = 2", "    top = 2\n    ^\n"},
		{"[collect", "    [collect\n           ^\n"},
		{"[collect]\nintervall = '1s'", "    intervall = '1s'\n    ^\n"},
	} {
		if got := parseError(t, tt.text).Snippet(); got != tt.want {
			t.Errorf("%q:\n%s(%q)\nwant\n%s", tt.text, got, got, tt.want)
		}
	}
	got := parseError(t, long).Snippet()
	first, second, _ := strings.Cut(got, "\n")
	if at := strings.Index(second, "^"); len(first) > 4+snippetWidth || first[at:at+6] != "'raed'" {
		t.Errorf("of a long line:\n%s", got)
	}
	if got := (&Error{Reason: "x"}).Snippet(); got != "" {
		t.Errorf("of no line: %q", got)
	}
}

func TestWordsAreSuggested(t *testing.T) {
	for text, want := range map[string]string{
		"[collect]\nmode = \"acount\"":                                        `must be "auto", "account", "count" or "watch"; did you mean "account"?`,
		"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nseverity = \"critical\"": `must be one of emerg, alert, crit, err, warning, notice, info or debug`,
		"[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nseverity = \"warnign\"":  `must be one of emerg, alert, crit, err, warning, notice, info or debug; did you mean "warning"?`,
	} {
		if e := parseError(t, text); e.Reason != want {
			t.Errorf("%q: %s", text, e.Reason)
		}
	}
}
