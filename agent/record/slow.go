package record

import (
	"fmt"
	"strings"
)

// How the start of a call is known.
const (
	StartEntry      = "entry"       // its entry was seen: the duration is exact
	StartFirstBlock = "first-block" // when the thread first left the CPU in it: the duration is a little short
	StartTick       = "tick"        // a tick of the scheduler found the thread in it, on the CPU
)

// Slow is one call that took at least as long as its threshold.
type Slow struct {
	Header
	Severity    int       `json:"-"`    // syslog priority 0..7, from the rule
	Rule        string    `json:"rule"` // of the policy; "default" when none matched
	Start       string    `json:"start"`
	DurationNs  uint64    `json:"duration_ns"`
	ThresholdNs uint64    `json:"threshold_ns"`
	WasStuck    bool      `json:"was_stuck,omitzero"` // Stuck records told of it before
	Monotonic   Monotonic `json:"monotonic"`
	Timing
	Syscall   Call     `json:"syscall"`
	UserStack []string `json:"user_stack,omitempty"` // of the caller, innermost function first, if the rule asks for it
	Scene
}

// Monotonic brackets the call on CLOCK_MONOTONIC, the clock of perf, bpftrace
// and the kernel's trace buffer, to correlate a record with theirs. The thread
// and StartNs name a call: all records about it have both.
type Monotonic struct {
	StartNs uint64 `json:"start_ns"`
	EndNs   uint64 `json:"end_ns"` // of a call that has not returned: when it was looked at
}

// Timing compares a call that has a time-out with what it asked for.
type Timing struct {
	TimeoutNs   uint64 `json:"timeout_ns,omitzero"`   // left out when there is none, or it is not known
	OvershootNs uint64 `json:"overshoot_ns,omitzero"` // how much longer than that it took
}

// Event is EventSlow.
func (*Slow) Event() string { return EventSlow }

// Priority is the severity that the rule gives.
func (s *Slow) Priority() int { return s.Severity }

// Sentence reads like "fdatasync by postgres (812, postgresql@15-main.service)
// took 3.904 s on /var/lib/x: 3.9 s waiting for I/O in blkdev_issue_flush".
func (s *Slow) Sentence() string {
	msg := fmt.Sprintf("%s by %s took %s", s.Syscall.label(), s.who(), Human(s.DurationNs, 4))
	msg += s.Timing.label(s.WasStuck) + s.on(&s.Syscall.Request)
	if s.Syscall.Errno != "" {
		msg += " and failed with " + s.Syscall.Errno
	}
	return msg + afterColon(s.why())
}

// label puts what is special about a duration behind it, in brackets.
func (t Timing) label(wasStuck bool) string {
	var facts []string
	if t.OvershootNs != 0 {
		facts = append(facts, Human(t.OvershootNs, 3)+" longer than asked")
	}
	if wasStuck {
		facts = append(facts, "reported as stuck before")
	}
	if len(facts) == 0 {
		return ""
	}
	return " (" + strings.Join(facts, ", ") + ")"
}

func afterColon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
