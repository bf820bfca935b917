package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const cpuinfoVM = "processor\t: 0\nmodel name\t: AMD EPYC 7R13\nflags\t\t: fpu hypervisor avx\n\nprocessor\t: 1\nmodel name\t: another\n"

func TestCPUIsRead(t *testing.T) {
	for _, test := range []struct {
		cpuinfo, model string
		virtual        bool
	}{
		{cpuinfoVM, "AMD EPYC 7R13", true},
		{"model name : Intel(R) Xeon(R)\nflags : fpu hypervisorish\n", "Intel(R) Xeon(R)", false},
		{"processor : 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "implementer 0x41, part 0xd0c", false},
		{"", "unknown", false},
	} {
		if got := cpuModel(test.cpuinfo); got != test.model {
			t.Errorf("cpuModel(%q) = %q, want %q", test.cpuinfo, got, test.model)
		}
		if got := virtual(test.cpuinfo); got != test.virtual {
			t.Errorf("virtual(%q) = %v", test.cpuinfo, got)
		}
	}
}

func TestSystemNameIsRead(t *testing.T) {
	if got := osName("NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n"); got != "Debian GNU/Linux 13 (trixie)" {
		t.Errorf("osName = %q", got)
	}
	if got := osName(""); got != "unknown" {
		t.Errorf("osName of nothing = %q", got)
	}
}

func TestMitigationsAreThoseThatMatter(t *testing.T) {
	dir := t.TempDir()
	for name, state := range map[string]string{"meltdown": "Mitigation: PTI\n", "mds": "Not affected\n", "retbleed": "Vulnerable\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(state), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listed := vulnerabilities(dir)
	if want := []string{"mds: Not affected", "meltdown: Mitigation: PTI", "retbleed: Vulnerable"}; !slices.Equal(listed, want) {
		t.Errorf("vulnerabilities = %q, want %q", listed, want)
	}
	got := mitigations("quiet mitigations=auto root=secret", listed)
	if want := "mitigations=auto; meltdown: Mitigation: PTI; retbleed: Vulnerable"; got != want {
		t.Errorf("mitigations = %q, want %q", got, want)
	}
	if got := mitigations("quiet", []string{"mds: Not affected"}); got != "none needed" {
		t.Errorf("mitigations of a healthy CPU = %q", got)
	}
}

func TestThisMachineIsDescribed(t *testing.T) {
	m := describeMachine()
	if m.CPU == "" || m.CPUs < 1 || m.Kernel == "" || m.Arch == "" || m.System == "" || m.Mitigations == "" {
		t.Errorf("something is missing: %+v", m)
	}
}

func TestFirstFields(t *testing.T) {
	for text, want := range map[string]string{"7.81 6.43 5.04 12/345 6789": "7.81 6.43 5.04", "1.0": "1.0", "": ""} {
		if got := firstFields(text, 3); got != want {
			t.Errorf("firstFields(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestFirstLineOfACommand(t *testing.T) {
	if got := firstLine("/bin/sh", "-c", "echo; echo 'tool 1.2'; echo more"); got != "tool 1.2" {
		t.Errorf("firstLine = %q", got)
	}
	if got := firstLine("/bin/sh", "-c", "echo 'usage: ...'; exit 1"); got != "" {
		t.Errorf("firstLine of a failure = %q", got)
	}
	if got := packageVersion("no-such-package", "/nonexistent/tool"); got != "not installed" {
		t.Errorf("version of what is not there = %q", got)
	}
	if got := packageVersion("no-such-package", "echo", "4.5"); got != "4.5" {
		t.Errorf("version of a tool without a package = %q", got)
	}
}

func TestVersionsNameEveryTool(t *testing.T) {
	for _, v := range toolVersions("/nonexistent/syscountd") {
		if v.Name == "" || v.Name != "syscountd" && v.Version == "" {
			t.Errorf("version %+v", v)
		}
	}
}

func TestBusyIsAQuarterOfTheCPUs(t *testing.T) {
	for _, test := range []struct {
		load string
		cpus int
		want bool
	}{
		{"0.60 0.1 0.1", 2, true}, {"0.50 9 9", 2, false}, {"0.60 9 9", 8, false}, {"", 2, false},
	} {
		if got := busy(test.load, test.cpus); got != test.want {
			t.Errorf("busy(%q, %d) = %v", test.load, test.cpus, got)
		}
	}
}
