package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent"
)

func TestStatusShowsABlock(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(runningStatus())
	want := result{0, `syscountd 1.2.3: watching 2 processes
      State: running
       Mode: account with sample 16 (auto)
 Attachment: tp_btf/sys_enter tp_btf/sys_exit
     Filter: pid 7 8; unit nginx.service
 Thresholds: fsync 20ms; others of the policy
     Policy: /etc/syscountd/syscountd.toml
   Interval: 1m0s
    Own CPU: 0
       Cost: 3s in the calls and switches of others (111 ns a call, 78 ns a switch); now 3.12 % of all CPUs, 0.41 % of these our own process, 2.00 % allowed
   Counters: died 12, slow 3
`, ""}
	if got := r.run("status"); got != want {
		t.Errorf("%d\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, want.stdout)
	}
}

func TestStatusOfAFreshServiceThatIsStopped(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(agent.Status{State: "stopped", Sentence: "stopped"})
	want := result{3, `syscountd 1.2.3: stopped
      State: stopped
     Filter: none: the whole host
 Thresholds: of the policy
     Policy: built-in
   Interval: 0s
    Own CPU: 0
   Counters: all zero
`, "syscountctl: syscountd is stopped: nothing is observed\nTry: syscountctl start\n"}
	if got := r.run("status"); got != want {
		t.Errorf("%d\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, want.stdout)
	}
}

func TestReadingCommandsPrintJSON(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(runningStatus())
	r.agent.SetSlow(`{"seq":2,"msg":"a<b>"}`, `{"seq":1}`)
	r.agent.SetStuck(`{"seq":3,"age_ns":18446744073709551615}`)
	r.agent.SetRows(agent.Row{Group: "a<b>.service", Syscall: "read", ABI: "x86_64", Count: 1, Errors: 2, TotalNs: 3, MaxNs: 4, P99Ns: 18446744073709551615})
	for line, want := range map[string]string{
		"status --json": `{"version":"1.2.3","state":"running","mode":"account","sample":16,"auto":true,"attachment":"tp_btf/sys_enter tp_btf/sys_exit",` +
			`"filter":{"pids":[7,8],"units":["nginx.service"],"cgroups":[],"syscalls":[]},"thresholds_usec":{"fsync":20000},` +
			`"policy_files":["/etc/syscountd/syscountd.toml"],"interval_usec":60000000,"counters":{"died":12,"ring_full":0,"slow":3},"own_cpu_ns":0,"kernel_cpu_ns":3000000000,"share_ppm":31200,"own_ppm":4100,"budget_ppm":20000,"kernel_features":{},"status_text":"watching 2 processes"}`,
		"filter show --json":  `{"pids":[7,8],"units":["nginx.service"],"cgroups":[],"syscalls":[]}`,
		"--json filter show":  `{"pids":[7,8],"units":["nginx.service"],"cgroups":[],"syscalls":[]}`,
		"slow --json":         `[{"seq":2,"msg":"a<b>"},{"seq":1}]`,
		"slow --json -n 1":    `[{"seq":2,"msg":"a<b>"}]`,
		"stuck --json":        `[{"seq":3,"age_ns":18446744073709551615}]`,
		"summary --json -n 1": `[{"group":"a<b>.service","syscall":"read","abi":"x86_64","count":1,"errors":2,"total_ns":3,"max_ns":4,"p99_ns":18446744073709551615}]`,
	} {
		if got := r.run(words(line)...); got != (result{0, want + "\n", ""}) {
			t.Errorf("%s:\n%+v\nwant\n%s", line, got, want)
		}
	}
}

func TestJSONOfNothingHasNoNulls(t *testing.T) {
	r := newRig(t, os.Getuid())
	r.agent.SetStatus(agent.Status{State: "running"})
	for _, line := range []string{"status --json", "filter show --json", "summary --json", "slow --json", "stuck --json"} {
		got := r.run(words(line)...)
		if !json.Valid([]byte(got.stdout)) || strings.Contains(got.stdout, "null") {
			t.Errorf("%s: %s", line, got.stdout)
		}
	}
}

func TestFilterShowIsALine(t *testing.T) {
	for _, c := range []struct {
		filter agent.Filter
		want   string
	}{
		{agent.Filter{}, "none: the whole host"},
		{agent.Filter{PIDs: []uint32{7}}, "pid 7"},
		{agent.Filter{Units: []string{"a.service", "b.slice"}, Syscalls: []string{"@sync"}}, "unit a.service b.slice; syscalls @sync"},
		{agent.Filter{PIDs: []uint32{7}, Cgroups: []string{"/x"}}, "pid 7; cgroup /x"},
	} {
		if got := describeFilter(c.filter); got != c.want {
			t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
		}
	}
	r := newRig(t, os.Getuid())
	if got := r.run("filter", "show"); got != (result{0, "none: the whole host\n", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestSummaryShowsATable(t *testing.T) {
	r := newRig(t, os.Getuid())
	if got := r.run("summary"); got != (result{0, "No system calls were counted in this interval yet.\n", ""}) {
		t.Errorf("%+v", got)
	}
	r.agent.SetRows(
		agent.Row{Group: "nginx.service", Syscall: "read", ABI: "x86_64", Count: 18231, Errors: 412, TotalNs: 41200311, MaxNs: 81221, P99Ns: 12300},
		agent.Row{Group: "bash[7]", Syscall: "futex", ABI: "i386", Count: 1, TotalNs: 3904118204, MaxNs: 3904118204, P99Ns: 3904118204})
	want := result{0, `  COUNT  ERRORS   TOTAL     MAX     P99     ABI  SYSCALL  GROUP
  18231     412  41.2ms  81.2us  12.3us  x86_64     read  nginx.service
      1       0   3.90s   3.90s   3.90s    i386    futex  bash[7]
`, ""}
	if got := r.run("summary"); got != want {
		t.Errorf("%+v\nwant\n%s", got, want.stdout)
	}
	if r.agent.Top() != 20 {
		t.Errorf("the default asked for %d rows", r.agent.Top())
	}
	if got := r.run("summary", "-n", "1"); strings.Contains(got.stdout, "futex") || r.agent.Top() != 1 {
		t.Errorf("-n 1: %+v", got)
	}
}

// Process names can hold what moves a terminal's cursor.
func TestHostileNamesCannotReachTheTerminal(t *testing.T) {
	r := newRig(t, os.Getuid())
	evil := "\x1b[2J\x07\nroot\xff\u202e"
	r.agent.SetRows(agent.Row{Group: evil, Syscall: evil, ABI: evil})
	st := runningStatus()
	st.Sentence, st.Attachment, st.Mode, st.Policy = evil, evil, evil, []string{evil}
	st.Filter.Units, st.Counters = []string{evil}, map[string]uint64{evil: 1}
	r.agent.SetStatus(st)
	r.agent.SetSlow(`{"time":"2026-11-22T03:12:07Z","msg":"\u001b[2J\u0007\nroot\u202e"}`) // the service never writes these
	r.agent.SetStuck(`{"time":"2026-11-22T03:12:07Z","msg":"\u001b[2J\u0007\nroot\u202e"}`)
	r.agent.Asked()
	for _, line := range []string{"slow", "stuck", "summary", "summary --json", "status", "status --json", "filter show"} {
		got := r.run(words(line)...)
		if got.code != 0 || strings.ContainsAny(got.stdout, "\x1b\x07\u202e") || strings.Contains(got.stdout, "\nroot") {
			t.Errorf("%s: %+q", line, got.stdout)
		}
	}
	r.agent.Refuse(&refusal{agent.ErrNoSuchUnit, evil})
	if got := r.run("flush"); strings.ContainsAny(got.stderr, "\x1b\x07\u202e") {
		t.Errorf("%+q", got.stderr)
	}
}

func TestHumanNs(t *testing.T) {
	for ns, want := range map[uint64]string{
		0: "0ns", 999: "999ns", 1000: "1.00us", 1504: "1.50us", 9994: "9.99us", 9996: "10.0us", 12300: "12.3us", 99940: "99.9us", 99960: "100us",
		999_400: "999us", 1_000_000: "1.00ms", 41_200_311: "41.2ms", 3_904_118_204: "3.90s", 86_400_000_000_000: "86400s",
		18446744073709551615: "18446744074s",
	} {
		if got := humanNs(ns); got != want {
			t.Errorf("humanNs(%d) = %s, want %s", ns, got, want)
		}
	}
}

func TestHelpVersionAndCompletionNeedNoBus(t *testing.T) {
	for line, want := range map[string]string{
		"--version":         "syscountctl version devel",
		"--help":            "Exit codes:",
		"help threshold":    "syscountctl threshold fdatasync 20ms",
		"slow --help":       "The service keeps the last 256",
		"stuck --help":      "A call is stuck when it is older than",
		"__complete s":      "stuck",
		"filter --help":     "and clear replace the whole filter",
		"completion bash":   "bash completion",
		"completion fish":   "fish completion",
		"completion zsh":    "#compdef syscountctl",
		"__complete filt":   "filter",
		"__complete mode c": "count",
		"":                  "Available Commands:",
	} {
		got := runWith(t.Context(), nil, words(line)...)
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("%q: %d %.300s %s", line, got.code, got.stdout, got.stderr)
		}
	}
}
