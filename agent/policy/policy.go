// Package policy is what the administrator wants: which calls are observed, which of
// them are slow, and where the records go. It reads TOML strictly, explains
// itself, and judges calls. Policies are immutable once made, by Default, Parse,
// LoadFile or LoadDirs: decisions are pure functions of them.
package policy

import (
	"math"
	"time"
)

// Never is the threshold that no call reaches; "never" in TOML.
const Never time.Duration = math.MaxInt64

// The bounds of the values that a policy may hold.
const (
	MinInterval  = time.Second
	MaxInterval  = time.Hour
	MinSample    = 1
	MaxSample    = 1024 // an interval of a minute then still times enough calls of a busy row
	MinTop       = 1
	MaxTop       = 1000
	MinThreshold = time.Microsecond // shorter than the cheapest calls with us attached
	MaxThreshold = 24 * time.Hour   // what is longer means "never"
	MinAfter     = time.Second
	MinSweep     = 100 * time.Millisecond
	MaxSweep     = time.Minute
	MinRate      = 1
	MaxRate      = 300 // 30 s of it stay below the 10,000 at which journald drops
	MinBurst     = 1
	MaxBurst     = 5000
	MinMultiple  = 2
	MaxMultiple  = 1000
	MinQuantile  = 50    // percent
	MaxQuantile  = 99.99 // percent: beyond that a part of the window has too few calls
	MinWindow    = time.Hour
	MaxWindow    = 7 * 24 * time.Hour
	MinGroups    = 64
	MaxGroups    = 65536
	MinCPUBudget = 0.01 // percent: the sweep alone takes about so much
	MaxCPUBudget = 100
	MaxPID       = 1 << 22 // the kernel's PID_MAX_LIMIT on 64-bit machines

	MaxBytes   = 1 << 20 // of a policy file
	MaxRules   = 1000
	MaxTargets = 128  // entries in each list of a filter that names who is observed, or not: the kernel side asks for each
	MaxList    = 1024 // entries in any other list
	MaxText    = 1024 // bytes in one string of a list
)

// Policy is one whole policy. Its fields are for reading: the judge works on a
// compiled form of them that does not follow later changes.
type Policy struct {
	Collect Collect
	Filter  Filter
	Slow    Slow
	Stuck   Stuck
	Learn   Learn
	Rules   []Rule // in order: the first that matches decides
	Limits  Limits
	Output  Output
	Files   []string // what it was read from, in that order; empty for the built-in default

	origins  origins
	replaced replaced
	judge    *judge
}

// ModeAuto takes the first of the other modes that the budget allows.
const ModeAuto = "auto"

// Collect says what is counted and how it is summed up.
type Collect struct {
	Mode     string        // ModeAuto, "account", "count" or "watch"
	Sample   int           // account: the clock is read in one of so many calls
	Interval time.Duration // one summary per interval
	GroupBy  string        // "none", "process", "unit", "cgroup" or "comm"
	Top      int           // rows per summary; the rest is folded into one
	Waits    bool          // whether slow calls say where their time went
}

// Filter is what is observed at start; empty lists observe the whole host.
type Filter struct {
	PIDs     []uint32 // process (thread group) ids in our PID namespace
	Children bool     // the children of PIDs too
	OnExit   string   // what follows when PIDs have ended: "keep", "clear" or "stop"
	Units    []string // exact systemd unit names
	Cgroups  []string // absolute cgroup v2 paths
	UIDs     []uint32 // real user ids
	Comms    []string // exact names of threads, as the kernel cuts them
	Syscalls []string // names and @groups, as written

	ExcludeUnits []string // exact systemd unit names
	ExcludeComms []string // as Comms

	Failed bool     // only calls that return an error
	Errnos []string // names of the errors that a call has to return one of
}

// Slow is about the calls that no rule decides.
type Slow struct {
	Threshold time.Duration // or Never
}

// Stuck is about calls that have not returned.
type Stuck struct {
	After time.Duration // age from which on one is reported, if it is slow by then; Never: none is
	Sweep time.Duration // how often we look
}

// Learn says how the thresholds of rules with Auto follow from what a unit's calls took in the
// last hours.
type Learn struct {
	Floor      time.Duration // no learned threshold is lower
	Multiple   int           // of the usual percentile
	Percentile float64       // 50 to 99.99
	Window     time.Duration // what counts as usual
}

// Rule decides about the calls that it matches: those that meet all of its conditions. An
// empty list, and the zero value of any other condition, is met by every call.
type Rule struct {
	Name        string   // unique: lower case letters, digits and -
	Syscalls    []string // names and @groups, as written; empty: all calls but those that wait
	ABIs        []string // names as bpf.ABI has them
	Units       []string // globs on the name of the systemd unit, or of a slice around it
	Cgroups     []string // globs on the cgroup's path
	Containers  []string // globs on the container's id or its runtime
	Comms       []string // globs on the thread's command name
	Executables []string // globs on the program's path
	UIDs        []uint32 // real user ids
	FD          []string // kinds of what the call is on; see FDKinds
	Paths       []string // globs on the paths of what the call is on
	Result      string   // ResultOK, ResultFailed or "": any
	Errnos      []string // names of the errors that it may have returned

	IOWait, Runqueue, CPU Least // how much of its time went there at least

	Threshold time.Duration // on the duration, or Never: matched calls are ignored
	Auto      bool          // the threshold is the learned one; while there is none, that of Slow
	Overshoot time.Duration // on the time beyond the call's own time-out, instead of Threshold; 0: Threshold counts
	Rate      int           // slow records per second, at most; 0: only Limits bound them
	Severity  Severity      // of the record
	Stack     bool          // whether the record holds the caller's own stack
}

// How a call may have ended.
const (
	ResultOK     = "ok"
	ResultFailed = "failed"
)

// Limits bound what we use and write; what they hold back is counted.
type Limits struct {
	RecordsPerSecond int // slow records, in the long run
	Burst            int // slow records at once
	Groups           int // rows of the kernel's table of groups

	CPUBudget Percent // mode auto: what we may cost, of all CPUs together
}

// Output says where records go and what they hold.
type Output struct {
	Journal     string // "auto", "on" or "off"
	CommandLine bool   // whether records hold the command line, which may hold secrets
}

// Default is the policy that is in force when there is no file: what
// configs/syscountd.toml says. An idle, healthy host is silent under it.
func Default() *Policy {
	p := defaults()
	p.compile(nil)
	return p
}

// defaults is Default before it is compiled.
func defaults() *Policy {
	return &Policy{
		Collect: Collect{Mode: ModeAuto, Sample: 1, Interval: time.Minute, GroupBy: "unit", Top: 20, Waits: true},
		Filter:  Filter{OnExit: "keep"},
		Slow:    Slow{Threshold: time.Second},
		Stuck:   Stuck{After: 10 * time.Second, Sweep: 2 * time.Second},
		Learn:   Learn{Floor: 10 * time.Millisecond, Multiple: 5, Percentile: 99.9, Window: 6 * time.Hour},
		Rules:   defaultRules(),
		Limits:  Limits{RecordsPerSecond: 50, Burst: 200, Groups: 8192, CPUBudget: 2},
		Output:  Output{Journal: "auto", CommandLine: true},
	}
}

// defaultRules are the shipped rules; configs/syscountd.toml gives their reasons.
func defaultRules() []Rule {
	onStorage := []string{FDFile, FDDir, FDBlock, fdNoneWord}
	return []Rule{
		{Name: "whole-disk", Syscalls: []string{"sync", "syncfs", "quotactl", "quotactl_fd", "@mount", "@swap"},
			Threshold: 10 * time.Second, Severity: Warning},
		{Name: "sync", Syscalls: []string{"@sync"},
			Threshold: 500 * time.Millisecond, Severity: Warning},
		{Name: "bulk-copy", Syscalls: []string{"copy_file_range", "sendfile", "sendfile64"}, FD: onStorage,
			Threshold: 30 * time.Second, Severity: Notice},
		{Name: "storage", Syscalls: []string{"@storage"}, FD: onStorage,
			Threshold: time.Second, Severity: Warning},
		{Name: "file-ioctl", Syscalls: []string{"ioctl"}, FD: []string{FDFile, FDDir, FDBlock},
			Threshold: 30 * time.Second, Severity: Notice},
		{Name: "file-lock", Syscalls: []string{"flock", "fcntl", "fcntl64"},
			Threshold: 30 * time.Second, Severity: Notice},
		{Name: "memory", Syscalls: []string{"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise",
			"process_madvise", "@memlock"},
			Threshold: time.Second, Severity: Warning},
		{Name: "process", Syscalls: []string{"fork", "vfork", "clone", "clone3", "execve", "execveat"},
			Threshold: time.Second, Severity: Warning},
		{Name: "kernel-module", Syscalls: []string{"@module", "kexec_load", "kexec_file_load", "bpf"},
			Threshold: 10 * time.Second, Severity: Notice},
	}
}
