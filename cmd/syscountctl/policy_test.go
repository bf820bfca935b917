package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// offline runs a command that must not need the service.
func offline(t *testing.T, args ...string) result {
	t.Helper()
	return runWith(t.Context(), nil, args...)
}

func policyFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const databasePolicy = `[[rule]]
name      = "backup"
units     = ["backup*.service"]
action    = "ignore"

[[rule]]
name      = "wal"
syscalls  = ["@sync"]
units     = ["postgresql*.service"]
paths     = ["**/pg_wal/*"]
threshold = "20ms"
rate      = 5

[[rule]]
name      = "timers"
syscalls  = ["nanosleep"]
overshoot = "5ms"
severity  = "err"

[[rule]]
name      = "unusual"
syscalls  = ["fsync"]
threshold = "auto"
`

func TestPolicyCheck(t *testing.T) {
	right := policyFile(t, databasePolicy)
	dead := policyFile(t, "[[rule]]\nname = \"all\"\nthreshold = \"1s\"\n[[rule]]\nname = \"dead\"\nsyscalls = [\"getpid\"]\nthreshold = \"1s\"\n")
	wrong := policyFile(t, "[[rule]]\nname = \"a\"\nsyscalls = [\"fsync\", \"fdatasink\"]\nthreshold = \"1s\"\n")
	unknown := policyFile(t, "[slow]\ntreshold = \"1s\"\n")

	if got, want := offline(t, "policy", "check", right), (result{0, right + ": right; 4 rules\n", ""}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want := dead + ": right; 2 rules\n  rule dead can never decide: rules before it take all of its calls\n"
	if got := offline(t, "policy", "check", dead); got.code != 0 || got.stdout != want {
		t.Errorf("%+v, want %s", got, want)
	}
	want = wrong + `:3: rule[1] "a": syscalls: unknown syscall "fdatasink"; did you mean "fdatasync"?
    syscalls = ["fsync", "fdatasink"]
                         ^
` + unknown + `:2: slow.treshold: unknown key; did you mean threshold? allowed are threshold
    treshold = "1s"
    ^
` + right + ": right; 4 rules\n"
	got := offline(t, "policy", "check", wrong, unknown, right)
	if got.code != 1 || got.stdout != want || got.stderr != "syscountctl: 2 of 3 cannot be put in force\n" {
		t.Errorf("%+v, want %s", got, want)
	}
	one := policyFile(t, "[[rule]]\nname = \"all\"\nthreshold = \"1s\"\n")
	if got, want := offline(t, "policy", "check", one), (result{0, one + ": right; 1 rule\n", ""}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := offline(t, "policy", "check", "/nonexistent/p.toml"); got.code != 1 || got.stderr != "" || !strings.Contains(got.stdout, "/nonexistent/p.toml") {
		t.Errorf("one that is absent: %+v", got)
	}
}

func TestPolicyCheckAsJSON(t *testing.T) {
	wrong := policyFile(t, "\n[slow]\n  treshold = \"1s\"\n")
	got := offline(t, "policy", "check", "--json", wrong, policyFile(t, databasePolicy))
	var results []checked
	if err := json.Unmarshal([]byte(got.stdout), &results); err != nil || got.code != 1 || len(results) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if e := results[0].Error; e == nil || results[0].Right || e.File != wrong || e.Line != 3 || e.Column != 3 || e.Key != "slow.treshold" || !strings.Contains(e.Sentence, "did you mean threshold?") {
		t.Errorf("%+v", e)
	}
	if r := results[1]; !r.Right || r.Rules != 4 || r.Error != nil {
		t.Errorf("%+v", r)
	}
}

func TestPolicyExplain(t *testing.T) {
	file := policyFile(t, databasePolicy)
	for _, tt := range []struct{ line, want string }{
		{"--syscall fdatasync --unit postgresql@15.service --path /srv/pg_wal/01 --duration 30ms", `fdatasync on file /srv/pg_wal/01 in postgresql@15.service, under FILE:
  1. backup does not match; units: postgresql@15.service is none of backup*.service
  2. wal decides.
Rule wal decides: slow from 20.0ms on, as warning, at most 5 records a second. With 30.0ms it is slow.
The kernel side hands over such calls from 20.0ms on.
`},
		{"--syscall fdatasync --unit postgresql@15.service --path /srv/base/1 --duration 30ms", `fdatasync on file /srv/base/1 in postgresql@15.service, under FILE:
  1. backup does not match; units: postgresql@15.service is none of backup*.service
  2. wal does not match; paths: /srv/base/1 is none of **/pg_wal/*
  3. timers does not match; syscalls: fdatasync is not in nanosleep
  4. unusual does not match; syscalls: fdatasync is not in fsync
No rule matches, so that [slow] decides: slow from 1.00s on, as warning. With 30.0ms it is not slow.
The kernel side hands over such calls from 20.0ms on.
`},
		{"--syscall read --cgroup /system.slice/backup-1.service/x", `read on file in backup-1.service, under FILE:
  1. backup decides.
Rule backup decides: never slow.
The kernel side hands over no such call.
`},
		{"--syscall nanosleep --duration 1s --overshoot 6ms", `nanosleep, under FILE:
  1. backup does not match; syscalls: it names no call, and this one waits
  2. wal does not match; syscalls: nanosleep is not in @sync
  3. timers decides.
Rule timers decides: slow from 5.00ms beyond its time-out on, as err. With 1.00s it is slow.
The kernel side hands over such calls from 5.00ms on.
`},
		{"--syscall fsync --unit a.service --learned 12ms --duration 13ms", `fsync in a.service, under FILE:
  1. backup does not match; units: a.service is none of backup*.service
  2. wal does not match; units: a.service is none of postgresql*.service
  3. timers does not match; syscalls: fsync is not in nanosleep
  4. unusual decides.
Rule unusual decides: slow from 12.0ms on (learned, or that of [slow] until then), as warning. With 13.0ms it is slow.
The kernel side hands over such calls from 10.0ms on.
`},
		{"--syscall read --fd socket", `read on socket, under FILE:
  1. backup does not match; syscalls: it names no call, and this one waits
  2. wal does not match; syscalls: read is not in @sync
  3. timers does not match; syscalls: read is not in nanosleep
  4. unusual does not match; syscalls: read is not in fsync
No rule matches, so that [slow] decides: never slow, since it is a call that waits.
The kernel side hands over no such call.
`},
	} {
		got := offline(t, append([]string{"policy", "explain", "--config", file}, words(tt.line)...)...)
		if got.code != 0 || strings.ReplaceAll(got.stdout, file, "FILE") != tt.want {
			t.Errorf("%s: %d %s\n%s\nwant\n%s", tt.line, got.code, got.stderr, got.stdout, tt.want)
		}
	}
}

func TestPolicyExplainAsJSON(t *testing.T) {
	file := policyFile(t, databasePolicy)
	got := offline(t, words("policy explain --json --syscall nanosleep --duration 1s --config "+file)...)
	var answer map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &answer); err != nil {
		t.Fatalf("%+v: %v", got, err)
	}
	for key, want := range map[string]any{"rule": "timers", "threshold_ns": 5e6, "by": "overshoot", "slow": false, "waits": true, "kernel_threshold_ns": 5e6, "severity": "err"} {
		if answer[key] != want {
			t.Errorf("%s is %v, want %v", key, answer[key], want)
		}
	}
	never := offline(t, words("policy explain --json --syscall epoll_wait --config "+file)...)
	if strings.Contains(never.stdout, "threshold_ns") || strings.Contains(never.stdout, `"slow"`) {
		t.Errorf("a threshold that no call reaches: %s", never.stdout)
	}
}

func TestPolicyCommandLinesThatAreWrong(t *testing.T) {
	for line, want := range map[string]string{
		"policy":                                          "policy needs a command: check or explain",
		"policy explain":                                  "explain needs --syscall NAME",
		"policy explain --syscall raed":                   `--syscall: unknown syscall "raed"; did you mean "read"?`,
		"policy explain --syscall @sync":                  `--syscall "@sync" is a group; name one call of it`,
		"policy explain --syscall read --fd fiel":         `--fd "fiel" is no kind; give one of file, dir, block, char, tty, pipe, socket, anon, pseudo, unknown or none`,
		"policy explain --syscall read --abi x86-64":      `--abi "x86-64" is no ABI; give one of x86_64, i386, x32, aarch64 or arm`,
		"policy explain --syscall read --errno EOI":       `unknown error "EOI"; did you mean "EIO"?`,
		"policy explain --syscall read --unit postgresql": `--unit: "postgresql" must end in .service, .scope, .slice, .socket, .mount or .swap; did you mean "postgresql.service"?`,
		"policy explain --syscall open --abi aarch64":     "the ABI aarch64 has no system call open",
		"policy explain --syscall read --duration 20":     `--duration "20": must be a duration with its unit, such as 500us, 20ms or 1.5s`,
		"policy explain --syscall read --uid root":        `--uid "root": must be a whole number from 0 to 4294967295`,
		"policy explain fsync":                            "explain takes no arguments: give it as --syscall fsync",
		"policy explain fsnyc":                            `explain takes no arguments, got "fsnyc"; give the call as --syscall NAME`,
		"policy explain --syscall read --cpu 1s":          "--io-wait, --runqueue and --cpu are 1s together, more than --duration 0s",
		"policy explain --syscall read --duration -1s":    "--duration -1s is less than nothing; give a duration such as 20ms",
	} {
		got := offline(t, words(line)...)
		if sentence, hint := lines(got.stderr); got.code != 2 || sentence != "syscountctl: "+want || !strings.HasPrefix(hint, "Try: syscountctl policy") {
			t.Errorf("%s: %+v, want %s", line, got, want)
		}
	}
	wrong := policyFile(t, "?")
	if got := offline(t, "policy", "explain", "--syscall", "read", "--config", wrong); got.code != 1 || !strings.Contains(got.stderr, wrong+":1:") || !strings.HasSuffix(got.stderr, "\n    ?\n    ^\n") {
		t.Errorf("under a wrong policy: %+v", got)
	}
}
