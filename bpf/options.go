package bpf

// GroupBy says whose rows the calls are counted in.
type GroupBy uint32

// The groups that the kernel side knows. Units are cgroups with a name: user
// space folds the rows of a unit's cgroups.
const (
	GroupByNone    = GroupBy(syscountGroupByGROUP_BY_NONE)
	GroupByProcess = GroupBy(syscountGroupByGROUP_BY_PROCESS)
	GroupByCgroup  = GroupBy(syscountGroupByGROUP_BY_CGROUP)
)

// Options are fixed when the programs are loaded.
type Options struct {
	GroupBy GroupBy
	Rows    int // rows (group, syscall, CPU) of at most about 700 bytes each
}

// Setting is what the kernel side has to know about a syscall.
type Setting struct {
	ThresholdNs       uint64 // calls at least this long are handed over; Never: none
	Observed          bool   // counted at all
	FD                FDSource
	ReplacesRegisters bool // when it succeeds, no arguments are left at its end
}

// FDSource says where a call's file descriptor is found.
type FDSource uint8

// The places.
const (
	FDFromNowhere       = FDSource(syscountFdSourceFD_FROM_NOWHERE)
	FDFromFirstArgument = FDSource(syscountFdSourceFD_FROM_FIRST_ARGUMENT)
	FDFromResult        = FDSource(syscountFdSourceFD_FROM_RESULT)
)

// Never is a threshold that no call reaches.
const Never = ^uint64(0)

// Filter is what is observed: a process or cgroup that is named by any of the
// lists; all when the lists are empty.
type Filter struct {
	PIDFDs      []int    // of thread group leaders
	CgroupNames []string // of a cgroup anywhere above the thread, such as "ssh.service"
	CgroupIDs   []uint64
}
