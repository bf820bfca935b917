package agent

import (
	"time"
)

// Caller is who asked for a change; it goes into the state record of the change.
type Caller struct {
	UID uint32 // user id
	PID uint32 // process id in our own PID namespace; 0 when not known
	Via string // "dbus" or "signal"
}

// Command is one of the changes that Agent.Do accepts: Start, Stop, SetFilter,
// FilterProcess, FilterSyscalls, SetMode, SetThreshold, ResetThresholds, Reload or
// Flush.
type Command interface{ command() }

// Start attaches the programs; nothing happens when they are attached.
type Start struct{}

// Stop writes a last summary and detaches the programs; the filter and the
// thresholds stay.
type Stop struct{}

// SetFilter replaces the whole filter. The zero Filter observes the whole host.
type SetFilter struct{ Filter Filter }

// FilterProcess replaces the whole filter by the one process that a pidfd refers
// to. The descriptor stays the caller's.
type FilterProcess struct{ PIDFD int }

// FilterSyscalls replaces the calls of the filter, names and @groups, and leaves its
// targets as they are; an empty list observes all calls.
type FilterSyscalls struct{ Syscalls []string }

// SetMode measures calls in another way, by the names of [collect] mode, until
// Reload.
type SetMode struct{ Mode string }

// SetThreshold overrides the policy for one syscall name (or @group) until
// ResetThresholds or Reload.
type SetThreshold struct {
	Syscall   string
	Threshold time.Duration
}

// ResetThresholds goes back to the policy's thresholds.
type ResetThresholds struct{}

// Reload reads the policy files again; on error the old policy stays in force.
type Reload struct{}

// Flush ends the interval now: summaries and the interval record are written.
type Flush struct{}

func (Start) command()           {}
func (Stop) command()            {}
func (SetFilter) command()       {}
func (FilterProcess) command()   {}
func (FilterSyscalls) command()  {}
func (SetMode) command()         {}
func (SetThreshold) command()    {}
func (ResetThresholds) command() {}
func (Reload) command()          {}
func (Flush) command()           {}

// Filter is what is observed. Each non-empty field narrows it (logical AND
// between PIDs|Units|Cgroups as one set of targets, and Syscalls).
type Filter struct {
	PIDs     []uint32 // thread group ids in our own PID namespace
	Units    []string // exact systemd unit names; every cgroup below them
	Cgroups  []string // absolute cgroup v2 paths; every cgroup below them
	Syscalls []string // names and @groups
	Children bool     // the offspring of PIDs too, from its birth on
	OnExit   OnExit   // what follows when the processes have ended; only with PIDs
}

// OnExit says what follows when the last process of a filter has ended. It does not
// apply while the filter has a unit or a cgroup, which may get processes again.
type OnExit string

// What may follow. The zero value is OnExitKeep: what is observed never becomes more
// than somebody asked for.
const (
	OnExitKeep  OnExit = "keep"  // the filter stays, and nothing is observed
	OnExitClear OnExit = "clear" // the whole host is observed
	OnExitStop  OnExit = "stop"  // as the command Stop
)

// IsZero says whether the filter observes everything.
func (f Filter) IsZero() bool {
	return len(f.PIDs)+len(f.Units)+len(f.Cgroups)+len(f.Syscalls) == 0
}
