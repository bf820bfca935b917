package agent

import (
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

// Status is an immutable picture of the agent, published after every change
// and at every interval.
type Status struct {
	State      string             // "running" or "stopped"
	Mode       string             // in force: "account", "count" or "watch"
	Sample     int                // mode account: the clock is read in one of so many calls
	Auto       bool               // the mode is the step that the budget allows
	LowestStep string             // why the ladder of mode auto ends before watch; "" where it does not
	Cost       Cost               // of observing
	Attachment string             // what we are attached to, e.g. "tp_btf/sys_enter tp_btf/sys_exit"
	Filter     Filter             // in force
	Exited     []uint32           // those of Filter.PIDs that have ended
	Thresholds []Threshold        // overrides by D-Bus, in the order of their setting
	Learned    []LearnedThreshold // by unit and syscall, for rules with threshold = "auto"
	Policy     []string           // the files that the policy was read from
	Interval   time.Duration      // of the summaries
	Resumed    *record.Resumption // the counting went on over a restart; nil: it began with this process
	Counters   map[string]uint64
	Unseen     uint64 // of the counter switches_missed, what mode watch missed
	Sentence   string // for STATUS= and syscountctl status
}

// Threshold is an override of one syscall's threshold.
type Threshold struct {
	Syscall   string
	Threshold time.Duration
}

// Row is one line of Agent.Summary: calls since the last interval began.
type Row struct {
	Group   string // unit, process "comm[pid]" or "" when not grouped
	Syscall string
	ABI     string
	Count   uint64
	Errors  uint64
	TotalNs uint64
	MaxNs   uint64
	P99Ns   uint64
}
