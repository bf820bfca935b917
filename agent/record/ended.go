package record

import "fmt"

// Why a call ended without returning.
const (
	EndedDied   = "died"   // its thread died in it
	EndedUnseen = "unseen" // it is over, but its return was not seen
)

// Ended closes a call that was reported as stuck and of which there will be no
// Slow record.
type Ended struct {
	Header
	Severity  int       `json:"-"` // syslog priority 0..7, from the rule
	Rule      string    `json:"rule"`
	Start     string    `json:"start"`
	Reason    string    `json:"reason"`  // EndedDied or EndedUnseen
	AgeNs     uint64    `json:"age_ns"`  // at its end; for EndedUnseen when it was last seen
	Reports   uint32    `json:"reports"` // how many times it was reported as stuck
	Monotonic Monotonic `json:"monotonic"`
	Syscall   Request   `json:"syscall"`
	Scene               // as it was last seen
}

// Ended closes a stuck call, as it was in its last record.
func (s *Stuck) Ended(reason string, ageNs uint64) *Ended {
	e := &Ended{
		Severity: s.Severity, Rule: s.Rule, Start: s.Start, Reason: reason, AgeNs: ageNs, Reports: s.Reports,
		Monotonic: s.Monotonic, Syscall: s.Syscall, Scene: s.Scene,
	}
	e.Monotonic.EndNs = e.Monotonic.StartNs + ageNs
	return e
}

// Event is EventEnded.
func (*Ended) Event() string { return EventEnded }

// Priority is the severity that the rule gives.
func (e *Ended) Priority() int { return e.Severity }

// Sentence reads like "read by cat (812, a.service) on /mnt/x never returned:
// the thread died in it after 45 s".
func (e *Ended) Sentence() string {
	msg := fmt.Sprintf("%s by %s%s", e.Syscall.label(), e.who(), e.on(&e.Syscall))
	age := Human(e.AgeNs, 3)
	if e.Reason == EndedDied {
		return msg + " never returned: the thread died in it after " + age
	}
	return msg + " is over: it was last seen after " + age + ", its return was missed"
}
