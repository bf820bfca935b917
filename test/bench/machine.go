package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the numbers depend on.
type machine struct {
	CPU         string `json:"cpu"`
	CPUs        int    `json:"cpus"`
	Virtual     bool   `json:"virtual"`
	Kernel      string `json:"kernel"`      // release, as uname -r
	Arch        string `json:"arch"`        // as uname -m
	Mitigations string `json:"mitigations"` // of speculative execution: they are a good part of a call's cost
	BPFJIT      string `json:"bpf_jit"`
	System      string `json:"system"` // os-release's name
	Load        string `json:"load"`   // averages of 1, 5 and 15 minutes, at the start
}

// version is a tool that is measured, as installed.
type version struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// numCPU is the number of CPUs that we were started with.
func numCPU() int { return runtime.NumCPU() }

// describeMachine reads /proc, /sys and os-release. What cannot be read is left empty.
func describeMachine() machine {
	var names unix.Utsname
	_ = unix.Uname(&names)
	cpuinfo := readText("/proc/cpuinfo")
	return machine{
		CPU:         cpuModel(cpuinfo),
		CPUs:        numCPU(),
		Virtual:     virtual(cpuinfo),
		Kernel:      unix.ByteSliceToString(names.Release[:]),
		Arch:        unix.ByteSliceToString(names.Machine[:]),
		Mitigations: mitigations(readText("/proc/cmdline"), vulnerabilities("/sys/devices/system/cpu/vulnerabilities")),
		BPFJIT: fmt.Sprintf("bpf_jit_enable %s, bpf_jit_harden %s",
			readText("/proc/sys/net/core/bpf_jit_enable"), readText("/proc/sys/net/core/bpf_jit_harden")),
		System: osName(readText("/etc/os-release")),
		Load:   firstFields(readText("/proc/loadavg"), 3),
	}
}

// readText is a file's text without the white space around it, or "".
func readText(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

func firstFields(text string, n int) string {
	fields := strings.Fields(text)
	return strings.Join(fields[:min(n, len(fields))], " ")
}

// cpuModel takes the model from /proc/cpuinfo. On arm64 there are numbers only.
func cpuModel(cpuinfo string) string {
	if model := cpuField(cpuinfo, "model name"); model != "" {
		return model
	}
	implementer, part := cpuField(cpuinfo, "CPU implementer"), cpuField(cpuinfo, "CPU part")
	if implementer == "" {
		return "unknown"
	}
	return fmt.Sprintf("implementer %s, part %s", implementer, part)
}

// virtual tells whether an x86 CPU says that it is a hypervisor's.
func virtual(cpuinfo string) bool {
	for flag := range strings.FieldsSeq(cpuField(cpuinfo, "flags")) {
		if flag == "hypervisor" {
			return true
		}
	}
	return false
}

// cpuField is the value of the first "name : value" line.
func cpuField(cpuinfo, name string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return printable(value)
		}
	}
	return ""
}

// osName takes PRETTY_NAME from os-release(5).
func osName(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return printable(strings.Trim(strings.TrimSpace(value), `"'`))
		}
	}
	return "unknown"
}

// vulnerabilities are the "name: state" of a CPU that the kernel lists in dir.
func vulnerabilities(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "*"))
	var lines []string
	for _, path := range paths { // sorted by Glob
		lines = append(lines, filepath.Base(path)+": "+printable(readText(path)))
	}
	return lines
}

// mitigations is what the command line says about them, and the states of those
// vulnerabilities that this CPU has.
func mitigations(cmdline string, vulnerabilities []string) string {
	var parts []string
	for word := range strings.FieldsSeq(cmdline) {
		if strings.HasPrefix(word, "mitigations=") {
			parts = append(parts, printable(word))
		}
	}
	for _, line := range vulnerabilities {
		if !strings.HasSuffix(line, ": Not affected") {
			parts = append(parts, line)
		}
	}
	if len(parts) == 0 {
		return "none needed"
	}
	return strings.Join(parts, "; ")
}

// toolVersions asks for what is installed: the distribution's package, or the
// tool itself where there is none.
func toolVersions(syscountd string) []version {
	return []version{
		{"syscountd", firstLine(syscountd, "--version")},
		{"libbpf-tools (syscount)", packageVersion("libbpf-tools", "syscount", "--version")},
		{"bpftrace", packageVersion("bpftrace", "bpftrace", "--version")},
		{"perf", packageVersion("linux-perf", "perf", "--version")},
		{"strace", packageVersion("strace", "strace", "--version")},
	}
}

func packageVersion(name string, command ...string) string {
	if version := firstLine("dpkg-query", "-W", "-f", "${Version}", name); version != "" {
		return version
	}
	if version := firstLine(command[0], command[1:]...); version != "" {
		return version
	}
	return "not installed"
}

// firstLine is the first line that a command prints, "" if it fails.
func firstLine(name string, args ...string) string {
	text, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return printable(line)
}
