package system

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTheUnitIsHardened(t *testing.T) {
	m := boot(t)
	const file = "/usr/lib/systemd/system/" + unit
	// The threshold is in tenths: 1.2.
	r := m.try("systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", file)
	if r.code != 0 {
		t.Errorf("too exposed:\n%s", r.stdout)
	}
	if r := m.try("systemd-analyze", "verify", file); r.code != 0 || r.stderr != "" {
		t.Errorf("systemd-analyze verify: exit status %d\n%s", r.code, r.stderr)
	}
}

func TestTheServiceHasTwoCapabilities(t *testing.T) {
	m := bootRunning(t, "")
	const bpfAndPerfmon = "000000c000000000" // bits 39 and 38, see capability.h
	status := m.read(t, filepath.Join("/proc", m.property(t, "MainPID"), "status"))
	want := map[string]string{
		"CapInh": "0000000000000000", "CapAmb": "0000000000000000",
		"CapPrm": bpfAndPerfmon, "CapEff": bpfAndPerfmon, "CapBnd": bpfAndPerfmon,
		"NoNewPrivs": "1", "Seccomp": "2",
	}
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if w, ok := want[key]; ok {
			if got := strings.TrimSpace(value); got != w {
				t.Errorf("%s is %s, not %s", key, got, w)
			}
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not in /proc/PID/status: %v", want)
	}
}

func TestTheServiceHasNoSocketToTalkTo(t *testing.T) {
	m := bootRunning(t, "")
	pid := m.property(t, "MainPID")
	// Its network namespace is not the machine's: look into both.
	for _, inside := range [][]string{nil, {"nsenter", "--target=" + pid, "--net", "--"}} {
		for _, sockets := range [][]string{{"ss", "-xlpH"}, {"ss", "-tulpnH"}} {
			out := m.run(t, append(append([]string(nil), inside...), sockets...)...)
			if strings.Contains(out, "pid="+pid+",") || strings.Contains(out, "syscountd") {
				t.Errorf("%q shows a socket of ours:\n%s", sockets, out)
			}
		}
	}
	// That ss would have shown one: it shows the bus's.
	if out := m.run(t, "ss", "-xlpH"); !strings.Contains(out, "dbus-daemon") {
		t.Errorf("ss does not show whose sockets these are:\n%s", out)
	}
}
