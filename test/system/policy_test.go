package system

import (
	"fmt"
	"strings"
	"testing"
)

// badPolicies have their error in line 3, at the key.
var badPolicies = []struct{ name, text, key string }{
	{"unknown key", "# bad\n[collect]\nintervall = \"60s\"\n", "intervall"},
	{"wrong type", "# bad\n[collect]\ninterval = 60\n", "interval"},
	{"unknown syscall", "[[rule]]\nname = \"r\"\nsyscalls = [\"fdatasink\"]\nthreshold = \"1s\"\n", "syscalls"},
	{"negative threshold", "# bad\n[slow]\nthreshold = \"-1s\"\n", "threshold"},
}

// exitConfig is EX_CONFIG of sysexits.h.
const exitConfig = 78

func TestABadPolicyIsFatalAtStart(t *testing.T) {
	m := boot(t)
	for _, test := range badPolicies {
		t.Run(test.name, func(t *testing.T) {
			m.writePolicy(t, test.text)
			if r := m.try("systemctl", "start", unit); r.code == 0 {
				t.Error("the start succeeded")
			}
			if got := fmt.Sprint(m.property(t, "ActiveState"), " ", m.number(t, "ExecMainStatus"), " ", m.number(t, "NRestarts")); got != fmt.Sprint("failed ", exitConfig, " 0") {
				t.Errorf("state, exit status and restarts: %s", got)
			}
			m.run(t, "journalctl", "--sync")
			// By identifier: journald may find the process gone when it looks for its unit.
			said := m.run(t, "journalctl", "--no-pager", "--output=cat", "--identifier=syscountd", "--priority=err", "--lines=1")
			wantSentence(t, said, test.key)
			m.run(t, "systemctl", "reset-failed", unit)

			r := m.try("syscountd", "--check", "--config", policyFile)
			if r.code != exitConfig {
				t.Errorf("--check ended with %d", r.code)
			}
			sentence, _, _ := strings.Cut(r.stderr, "\n") // the place follows
			wantSentence(t, sentence, test.key)
		})
	}
}

func TestABadPolicyIsRefusedAtReload(t *testing.T) {
	m := bootRunning(t, byProcess)
	interval := m.busProperty(t, "Interval")
	if interval != "t 600000000" {
		t.Fatalf("the policy says 10m, Interval is %s", interval)
	}
	for _, test := range badPolicies {
		t.Run(test.name, func(t *testing.T) {
			m.writePolicy(t, test.text)
			name, sentence := m.refusal(t, "Reload")
			if name != "io.github.syscountd1.Error.PolicyInvalid" {
				t.Errorf("refused with %s", name)
			}
			wantSentence(t, sentence, test.key)
			if r := m.try("systemctl", "reload", unit); r.code == 0 {
				t.Error("systemctl reload succeeded")
			}
			if got := m.property(t, "ActiveState") + " " + m.busProperty(t, "State") + " " + m.busProperty(t, "Interval"); got != `active s "running" `+interval {
				t.Errorf("after the refused reload: %s", got)
			}
		})
	}
	t.Run("a good one again", func(t *testing.T) {
		m.writePolicy(t, strings.Replace(byProcess, "10m", "5m", 1))
		m.run(t, "systemctl", "reload", unit)
		if got := m.busProperty(t, "Interval"); got != "t 300000000" {
			t.Errorf("the new policy says 5m, Interval is %s", got)
		}
	})
}

// wantSentence wants one line that names the file, its third line and the key.
func wantSentence(t *testing.T, said, key string) {
	t.Helper()
	if strings.Contains(said, "\n") || !strings.Contains(said, policyFile+":3") || !strings.Contains(said, key) {
		t.Errorf("want one sentence with %s:3 and %s, got\n%s", policyFile, key, said)
	}
}
