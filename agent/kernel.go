package agent

import (
	"iter"
	"time"

	"github.com/syscountd/syscountd/bpf"
)

// Kernel is the kernel side as the loop uses it: *bpf.Tracer has it, and tests
// have a fake.
type Kernel interface {
	Attach() error
	Attachment() string
	FollowWakers(bool) error
	FollowsWakers() bool
	Options() bpf.Options
	WhyTracepoints() string
	Fits(bpf.Options) bool
	Detach() error
	DetachCalls() error
	Switch(bpf.Options) (atNs uint64, err error)
	Replace(next bpf.Options, ended func(atNs uint64)) error
	Draining() bool
	Undrained() (uint64, error)
	EndDrain() error
	Close() error

	SetSyscalls(func(bpf.Syscall) bpf.Setting) error
	NewFloorSet(func(bpf.Syscall) (f bpf.Floor, exempt uint16, differs bool)) (bpf.FloorSet, error)
	AssignCgroup(id uint64, to bpf.FloorSet) error
	SetFilter(bpf.Filter) error
	ExtendFilter(pidfds []int) error

	EndInterval() (uint32, error)
	Interval() uint32
	EachRow(interval uint32, fn func(bpf.RowKey, bpf.Row)) error
	CalibrationCalls() uint64
	DeleteRows([]bpf.RowKey) error
	EachProcess(func(bpf.Group, bpf.ProcessName)) error
	Process(bpf.Group) (bpf.ProcessName, bool)
	DeleteProcesses(iter.Seq[bpf.Group]) error
	CgroupPath(id uint64) (string, bool)
	EachCgroup(func(id uint64, path string)) error
	DeleteCgroup(id uint64) error
	Calibrate() (bpf.Speed, error)
	Counters() (bpf.Counters, error)
	Misses() (map[string]uint64, error)
	OpenCalls() (uint64, error)
	Sweep(age time.Duration) (bpf.Swept, error)
	Symbols(addresses []uint64) []string
	NextSlow() (*bpf.SlowCall, error)
	FlushSlow() error

	Parts() ([]bpf.Part, error)
	Layout() string
	Away() (time.Duration, error)
}
