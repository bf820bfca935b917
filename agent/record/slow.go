package record

import (
	"fmt"
	"strings"
)

// How the start of a slow call is known.
const StartEntry = "entry" // the call's entry was seen: the duration is exact

// Slow is one call that took at least as long as its threshold.
type Slow struct {
	Header
	Severity    int       `json:"-"`    // syslog priority 0..7, from the rule
	Rule        string    `json:"rule"` // of the policy; "default" when none matched
	Start       string    `json:"start"`
	DurationNs  uint64    `json:"duration_ns"`
	ThresholdNs uint64    `json:"threshold_ns"`
	Monotonic   Monotonic `json:"monotonic"`
	Syscall     Call      `json:"syscall"`
	Process     Process   `json:"process"`
	Systemd     Systemd   `json:"systemd,omitzero"`
	Cgroup      string    `json:"cgroup,omitzero"` // cgroup v2 path, below the mount point
	Container   Container `json:"container,omitzero"`
	File        *File     `json:"file,omitzero"`
}

// Monotonic brackets the call on CLOCK_MONOTONIC, the clock of perf, bpftrace
// and the kernel's trace buffer, to correlate a record with theirs.
type Monotonic struct {
	StartNs uint64 `json:"start_ns"`
	EndNs   uint64 `json:"end_ns"`
}

// Call is a system call with what it was given and what it returned.
type Call struct {
	Syscall
	Args  []string `json:"args,omitempty"` // raw, "0x7"; all six
	Ret   int64    `json:"ret"`
	Errno string   `json:"errno,omitzero"` // "ENOENT", "errno 524" without a name; left out when the call succeeded
}

// Event is EventSlow.
func (*Slow) Event() string { return EventSlow }

// Priority is the severity that the rule gives.
func (s *Slow) Priority() int { return s.Severity }

// Sentence reads like "fdatasync by postgres (812, postgresql@15-main.service)
// took 3.904 s on file fd 7".
func (s *Slow) Sentence() string {
	msg := fmt.Sprintf("%s by %s took %s", s.Syscall.label(), s.who(), Human(s.DurationNs, 4))
	if s.File != nil {
		msg += " on " + s.File.label()
	}
	if s.Syscall.Errno != "" {
		msg += " and failed with " + s.Syscall.Errno
	}
	return msg
}

// who names the process and the place where it runs.
func (s *Slow) who() string {
	name, inside := s.Process.Comm, []string{fmt.Sprint(s.Process.PID)}
	if name == "" {
		name, inside = fmt.Sprintf("process %d", s.Process.PID), nil
	}
	if place := s.place(); place != "" {
		inside = append(inside, place)
	}
	if len(inside) == 0 {
		return name
	}
	return name + " (" + strings.Join(inside, ", ") + ")"
}

// place is the name that says most about where a process runs.
func (s *Slow) place() string {
	switch {
	case s.Container.ID != "":
		return "container " + shortID(s.Container.ID)
	case s.Systemd.UserUnit != "":
		return s.Systemd.UserUnit
	}
	return s.Systemd.Unit
}

// shortID cuts a container id of 64 hex digits to the 12 that docker ps shows.
func shortID(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}

// label is the name, with the ABI when it is not the machine's own.
func (s Syscall) label() string {
	switch s.ABI {
	case "i386", "x32", "arm":
		return s.Name + " (" + s.ABI + ")"
	}
	return s.Name
}

func (f *File) label() string {
	if f.Kind == "" {
		return fmt.Sprintf("fd %d", f.FD)
	}
	return fmt.Sprintf("%s fd %d", f.Kind, f.FD)
}
