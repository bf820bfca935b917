package bpf

// GroupBy says whose rows the calls are counted in.
type GroupBy uint32

// The groups that the kernel side knows. Units are cgroups with a name: user
// space folds the rows of a unit's cgroups.
const (
	GroupByNone    = GroupBy(syscountGroupByGROUP_BY_NONE)
	GroupByProcess = GroupBy(syscountGroupByGROUP_BY_PROCESS)
	GroupByCgroup  = GroupBy(syscountGroupByGROUP_BY_CGROUP)
	GroupByComm    = GroupBy(syscountGroupByGROUP_BY_COMM)
)

// Mode says at which ends of a call we look.
type Mode uint8

// The modes.
const (
	ModeAccount = Mode(syscountModesMODE_ACCOUNT) // both: counts and times
	ModeCount   = Mode(syscountModesMODE_COUNT)   // the end only: counts
	ModeWatch   = Mode(syscountModesMODE_WATCH)   // neither: calls that leave the CPU, or burn it; needs HasTaskWork
)

// Options are fixed when the programs are loaded, but for Mode and Sample: see
// Tracer.Switch.
type Options struct {
	Mode    Mode
	Sample  int     // ModeAccount: the clock is read in one of so many calls; 0 and 1: in all
	GroupBy GroupBy // ModeWatch fills no rows, but another mode may follow
	NoWaits bool    // do not measure where the time of slow calls went, nor find slow calls of which no time is taken; not ModeWatch
	Rows    int     // rows (group, syscall, CPU), of about 700 bytes each

	// Only are the names of the calls that SetSyscalls will observe, with a space
	// between, if they are named: a few go by functions of their own (ModeAccount).
	Only string
}

// Setting is what the kernel side has to know about a syscall.
type Setting struct {
	ThresholdNs uint64 // calls shorter than this are not slow, whatever else; Never: none is
	Floor       Floor  // of the others, by how they ended, those that are shorter than this are not handed over
	Traits      Trait
	Look        Look
}

// waits is what a context switch asks about the syscall: enum interest of syscount.h.
func (s Setting) waits() uint16 {
	if s.ThresholdNs == Never && s.Traits&TraitRestart == 0 {
		return 0
	}
	wanted := uint16(syscountInterestWAITS_WANTED)
	if s.Traits&TraitFDFirst != 0 {
		wanted |= s.Look.Exempt & uint16(syscountInterestWAITS_EXEMPT)
	}
	return wanted
}

// Look says what to look at in a slow call. Arguments are indices from 1 on, 0 is
// none.
type Look struct {
	FD      uint8    // a second descriptor
	Text    [2]uint8 // path names
	Timeout uint8    // a pointer to struct timespec or timeval
	Exempt  uint16   // kinds of descriptors on which it is never slow, as bits 1 << FDKind

	UserStack bool // the caller's own stack
}

// Trait is a set of what the kernel side knows of a syscall by its name.
type Trait uint8

// The traits; each is explained in enum trait of syscount.h.
const (
	TraitObserved     = Trait(syscountTraitTRAIT_OBSERVED)
	TraitFDFirst      = Trait(syscountTraitTRAIT_FD_FIRST)
	TraitFDResult     = Trait(syscountTraitTRAIT_FD_RESULT)
	TraitNewRegisters = Trait(syscountTraitTRAIT_NEW_REGISTERS)
	TraitSigreturn    = Trait(syscountTraitTRAIT_SIGRETURN)
	TraitRestart      = Trait(syscountTraitTRAIT_RESTART)
	TraitFork         = Trait(syscountTraitTRAIT_FORK)
	TraitFileLock     = Trait(syscountTraitTRAIT_FILE_LOCK)
)

// Never is a threshold that no call reaches.
const Never = ^uint64(0)

// Filter is what is observed: a process, thread or cgroup that is named by any of the
// first lists, all when these are empty; without the excluded; and of their calls those
// that end with one of the errors, all when there is none.
type Filter struct {
	PIDFDs      []int    // of thread group leaders
	Children    bool     // their children too, from now on, and the children of these
	CgroupNames []string // of a cgroup anywhere above the thread, such as "ssh.service"
	CgroupIDs   []uint64
	Users       []uint32 // real user ids
	Comms       []string // of threads, up to 15 bytes

	ExcludedCgroupNames []string
	ExcludedComms       []string

	Failed bool  // all errors
	Errnos []int // from 1 to 4095
}

// PiecesOfThreshold: ModeWatch may miss so much of a call's beginning, as a part of
// its threshold, when it waits in shorter pieces (watch.h).
const PiecesOfThreshold = 16
