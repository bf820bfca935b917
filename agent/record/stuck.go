package record

import (
	"fmt"
	"time"
)

// Stuck is a call that has not returned yet. It is reported again at growing
// intervals, and closed by a Slow record with WasStuck or by an Ended one.
type Stuck struct {
	Header
	Severity    int       `json:"-"`    // syslog priority 0..7, from the rule
	Rule        string    `json:"rule"` // of the policy; "default" when none matched
	Start       string    `json:"start"`
	AgeNs       uint64    `json:"age_ns"` // since it began
	ThresholdNs uint64    `json:"threshold_ns"`
	Reports     uint32    `json:"reports"` // how many times it has been reported, with this one
	Monotonic   Monotonic `json:"monotonic"`
	Timing
	Syscall Request `json:"syscall"`
	Scene           // its KernelStack is the one at this moment
}

// Later is the call as a later look found it. It has the number of the record that
// was written last: this one is not.
func (s *Stuck) Later(at time.Time, endNs uint64, wait *Wait, stack []string) *Stuck {
	later := *s
	later.AgeNs, later.Monotonic.EndNs = endNs-s.Monotonic.StartNs, endNs
	later.Wait, later.KernelStack = wait, stack
	later.Time, later.Msg = FormatTime(at), clip(later.Sentence())
	return &later
}

// Event is EventStuck.
func (*Stuck) Event() string { return EventStuck }

// Priority is the severity that the rule gives.
func (s *Stuck) Priority() int { return s.Severity }

// Sentence reads like "read by cat (812, a.service) has not returned for 30 s
// on /mnt/x: waiting in request_wait_answer (fuse)".
func (s *Stuck) Sentence() string {
	return fmt.Sprintf("%s by %s has not returned for %s", s.Syscall.label(), s.who(), Human(s.AgeNs, 3)) +
		s.Timing.label(false) + s.on(&s.Syscall) + afterColon(s.whyNow())
}
