package record

import "fmt"

// Wait says where the time of a call went. The first four times add up to its
// duration; throttled, stopped, traced and frozen are parts of these.
type Wait struct {
	CPUNs      uint64 `json:"cpu_ns"`      // on a CPU
	RunqueueNs uint64 `json:"runqueue_ns"` // runnable, without a CPU
	IOWaitNs   uint64 `json:"io_wait_ns"`  // uninterruptible sleep (D in ps)
	SleepNs    uint64 `json:"sleep_ns"`    // any other sleep

	Site                string `json:"site,omitzero"`       // the function of kernel_stack that tells most
	Class               string `json:"class,omitzero"`      // what is waited for there, in words: "block flush", "pipe"
	LongestNs           uint64 `json:"longest_ns,omitzero"` // the longest wait
	VoluntarySwitches   uint32 `json:"voluntary_switches,omitzero"`
	InvoluntarySwitches uint32 `json:"involuntary_switches,omitzero"`
	MajorFaults         uint32 `json:"major_faults,omitzero"` // page faults that had to read from a disk
	ThrottledNs         uint64 `json:"throttled_ns,omitzero"` // its cgroup had used up its CPU quota
	StoppedNs           uint64 `json:"stopped_ns,omitzero"`   // by a signal: SIGSTOP, job control
	TracedNs            uint64 `json:"traced_ns,omitzero"`    // by a debugger or strace
	FrozenNs            uint64 `json:"frozen_ns,omitzero"`    // in the cgroup freezer

	Waker   Task `json:"waker,omitzero"`   // who ended the longest wait
	Blocker Task `json:"blocker,omitzero"` // who held the kernel lock that it waited for

	WakerUnseen bool `json:"waker_unseen,omitzero"` // nobody looked who ended the longest wait
}

// Task is a thread. One outside of the agent's PID namespace has a name only,
// and so has an interrupt.
type Task struct {
	PID  uint32 `json:"pid,omitzero"`
	TID  uint32 `json:"tid,omitzero"`
	Comm string `json:"comm,omitzero"`
}

// label is as Scene.who: "postgres (813)".
func (t Task) label() string {
	switch {
	case t.PID == 0:
		return t.Comm
	case t.Comm == "":
		return fmt.Sprintf("process %d", t.PID)
	}
	return fmt.Sprintf("%s (%d)", t.Comm, t.PID)
}
