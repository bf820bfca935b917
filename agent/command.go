package agent

import (
	"slices"
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

// Filter is what is observed: the calls of the targets, or of all if there are none, but
// for those excluded; of these calls the Syscalls, and of these those with an error of
// Failed or Errnos. An empty list does not narrow.
type Filter struct {
	PIDs     []uint32 // thread group ids in our own PID namespace
	Units    []string // exact systemd unit names; every cgroup below them
	Cgroups  []string // absolute cgroup v2 paths; every cgroup below them
	UIDs     []uint32 // real user ids
	Comms    []string // exact names of threads
	Syscalls []string // names and @groups
	Children bool     // the offspring of PIDs too, from its birth on
	OnExit   OnExit   // what follows when the processes have ended; only with PIDs

	ExcludeUnits []string // as Units
	ExcludeComms []string // as Comms

	Failed bool     // only calls that return an error
	Errnos []string // names of errors, of which a call has to return one
}

// OnExit says what follows when the last process of a filter has ended. It does not
// apply while the filter has another target, which may get processes again.
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
	return !f.hasTargets() && len(f.Syscalls)+len(f.ExcludeUnits)+len(f.ExcludeComms)+len(f.Errnos) == 0 && !f.Failed
}

// hasTargets says whether it names who is observed.
func (f Filter) hasTargets() bool {
	return len(f.PIDs)+len(f.Units)+len(f.Cgroups)+len(f.UIDs)+len(f.Comms) > 0
}

// clone shares no memory.
func (f Filter) clone() Filter {
	f.PIDs, f.UIDs = slices.Clone(f.PIDs), slices.Clone(f.UIDs)
	for _, list := range f.names() {
		*list = slices.Clone(*list)
	}
	return f
}

// names are the lists of texts.
func (f *Filter) names() []*[]string {
	return []*[]string{&f.Units, &f.Cgroups, &f.Comms, &f.Syscalls, &f.ExcludeUnits, &f.ExcludeComms, &f.Errnos}
}

// Map gives the filter with each name as fn makes it.
func (f Filter) Map(fn func(name string) string) Filter {
	f = f.clone()
	for _, list := range f.names() {
		for i, name := range *list {
			(*list)[i] = fn(name)
		}
	}
	f.OnExit = OnExit(fn(string(f.OnExit)))
	return f
}

// equal takes a nil list for an empty one.
func (f Filter) equal(g Filter) bool {
	others := g.names()
	for i, list := range f.names() {
		if !slices.Equal(*list, *others[i]) {
			return false
		}
	}
	return slices.Equal(f.PIDs, g.PIDs) && slices.Equal(f.UIDs, g.UIDs) &&
		f.OnExit == g.OnExit && f.Children == g.Children && f.Failed == g.Failed
}
