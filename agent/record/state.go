package record

import (
	"fmt"
	"slices"
	"strings"
)

// Change says what a State record is about.
type Change string

// The changes.
const (
	ChangeStarted      Change = "started"       // the programs are attached
	ChangeStopped      Change = "stopped"       // nothing is attached any more, or no process reads what is
	ChangeResumed      Change = "resumed"       // what a process before had attached went on counting
	ChangeRetargeted   Change = "retargeted"    // another filter
	ChangeThreshold    Change = "threshold"     // a threshold overridden or reset
	ChangeReloaded     Change = "reloaded"      // another policy
	ChangeReloadFailed Change = "reload-failed" // the old policy stays in force
	ChangeMode         Change = "mode"          // another step of the ladder of modes
	ChangeTargetExited Change = "target-exited" // the process that the filter names is gone
	ChangeSuppressed   Change = "suppressed"    // slow records held back by [limits]
	ChangeDrops        Change = "drops"         // a drop counter left zero
)

// State tells of a change in the service itself.
type State struct {
	Header
	Change      Change       `json:"change"`
	Caller      *Caller      `json:"caller,omitzero"` // who asked; nil when nobody did
	Filter      *Filter      `json:"filter,omitzero"` // in force from now on
	Mode        string       `json:"mode,omitzero"`
	Sample      int          `json:"sample,omitzero"` // mode account: one in so many calls is timed; left out: all
	Auto        bool         `json:"auto,omitzero"`   // the mode is the step that the budget allows
	Attachment  string       `json:"attachment,omitzero"`
	PolicyFiles []string     `json:"policy_files,omitempty"`
	Detail      string       `json:"detail,omitzero"` // a phrase: the reason, the new value
	Suppressed  *Suppression `json:"suppressed,omitzero"`
	Resumption  *Resumption  `json:"resumption,omitzero"`
	Budget      *Budget      `json:"budget,omitzero"` // why mode auto took a step
}

// Caller is who asked for a change.
type Caller struct {
	UserID uint32 `json:"user_id"`
	PID    uint32 `json:"pid,omitzero"` // left out when not known
	Via    string `json:"via,omitzero"` // "dbus" or "signal"
}

// Filter is what is observed; the zero Filter is the whole host. It has those fields of
// agent.Filter that narrow it.
type Filter struct {
	PIDs     []uint32 `json:"pids,omitempty"`
	Units    []string `json:"units,omitempty"`
	Cgroups  []string `json:"cgroups,omitempty"`
	UIDs     []uint32 `json:"uids,omitempty"`
	Comms    []string `json:"comms,omitempty"`
	Syscalls []string `json:"syscalls,omitempty"`
	Children bool     `json:"children,omitzero"` // of the PIDs, too
	OnExit   string   `json:"on_exit,omitzero"`  // what follows when the PIDs have ended

	ExcludeUnits []string `json:"exclude_units,omitempty"`
	ExcludeComms []string `json:"exclude_comms,omitempty"`

	Failed bool     `json:"failed,omitzero"`
	Errnos []string `json:"errnos,omitempty"`
}

// Suppression sums up the slow and stuck records of one rule that the limits held back; in an
// interval record those of one rule and unit. It has the fields of limit.Held, so that
// one converts to the other.
type Suppression struct {
	Rule    string `json:"rule,omitzero"`
	Unit    string `json:"unit,omitzero"`
	Other   bool   `json:"other,omitzero"` // all that is not told apart
	Count   uint64 `json:"count"`
	WorstNs uint64 `json:"worst_ns"` // the longest of them
	TotalNs uint64 `json:"total_ns"` // of all of them together
}

// Resumption is about the end of the process before.
type Resumption struct {
	AwayNs     uint64 `json:"away_ns,omitzero"` // so long the kernel side counted without a process; left out when not known
	CountedSeq uint64 `json:"counted_seq"`      // summary and interval records between this number and this record's are void: it is told again
}

// Label reads like "counting went on for 312 ms without a process".
func (r *Resumption) Label() string {
	if r.AwayNs == 0 {
		return "counting went on over a restart"
	}
	return "counting went on over a restart, " + Human(r.AwayNs, 3) + " without a process"
}

// Event is EventState.
func (*State) Event() string { return EventState }

// Priority is warning for what an operator has to know, notice for what
// another one did, info for the rest.
func (s *State) Priority() int {
	switch s.Change {
	case ChangeReloadFailed, ChangeSuppressed, ChangeDrops:
		return 4
	case ChangeRetargeted, ChangeThreshold, ChangeReloaded, ChangeTargetExited, ChangeResumed:
		return 5
	}
	return 6
}

// Sentence reads like "retargeted by user 0 (pid 812) over dbus: observing pid
// 4711".
func (s *State) Sentence() string {
	msg := s.headline()
	if s.Caller != nil {
		msg += " by " + s.Caller.label()
	}
	if facts := s.facts(); len(facts) > 0 {
		msg += ": " + strings.Join(facts, ", ")
	}
	return msg
}

// headline says what changed.
func (s *State) headline() string {
	switch s.Change {
	case ChangeThreshold:
		return "threshold changed"
	case ChangeReloaded:
		return "policy reloaded"
	case ChangeReloadFailed:
		return "policy not reloaded, the old one stays in force"
	case ChangeMode:
		return "mode changed"
	case ChangeTargetExited:
		return "target exited"
	case ChangeSuppressed:
		return "slow records held back"
	case ChangeDrops:
		return "data lost"
	}
	return string(s.Change)
}

// facts are the parts of the sentence that follow the headline.
func (s *State) facts() []string {
	var facts []string
	if s.Mode != "" {
		facts = append(facts, s.modeLabel())
	}
	if s.Attachment != "" {
		facts = append(facts, "attached to "+s.Attachment)
	}
	if s.Filter != nil {
		facts = append(facts, "observing "+s.Filter.Label())
	}
	if s.Suppressed != nil {
		facts = append(facts, s.Suppressed.label())
	}
	if s.Resumption != nil {
		facts = append(facts, s.Resumption.Label())
	}
	if s.Budget != nil {
		facts = append(facts, s.Budget.label())
	}
	if len(s.PolicyFiles) > 0 {
		facts = append(facts, "policy "+list(s.PolicyFiles))
	}
	if s.Detail != "" {
		facts = append(facts, s.Detail)
	}
	return facts
}

func (c *Caller) label() string {
	msg := fmt.Sprintf("user %d", c.UserID)
	if c.PID != 0 {
		msg += fmt.Sprintf(" (pid %d)", c.PID)
	}
	if c.Via != "" {
		msg += " over " + c.Via
	}
	return msg
}

// Label says what the filter observes, in a few words.
func (f *Filter) Label() string {
	var targets []string
	if len(f.PIDs) > 0 {
		targets = append(targets, "pid "+list(f.PIDs)+f.family())
	}
	if len(f.Units) > 0 {
		targets = append(targets, "unit "+list(f.Units))
	}
	if len(f.Cgroups) > 0 {
		targets = append(targets, "cgroup "+list(f.Cgroups))
	}
	if len(f.UIDs) > 0 {
		targets = append(targets, "user "+list(f.UIDs))
	}
	if len(f.Comms) > 0 {
		targets = append(targets, "comm "+list(f.Comms))
	}
	msg := strings.Join(targets, " or ")
	if msg == "" {
		msg = "the whole host"
	}
	if excluded := slices.Concat(f.ExcludeUnits, f.ExcludeComms); len(excluded) > 0 {
		msg += " without " + list(excluded)
	}
	if len(f.Syscalls) > 0 {
		msg += ", only " + list(f.Syscalls)
	}
	switch {
	case f.Failed:
		msg += ", only errors"
	case len(f.Errnos) > 0:
		msg += ", only " + list(f.Errnos)
	}
	return msg
}

func (f *Filter) family() string {
	if f.Children {
		return " and children"
	}
	return ""
}

func (s *Suppression) label() string {
	of := "rule " + s.Rule
	if s.Other {
		of = "further rules"
	}
	return fmt.Sprintf("%d of %s, worst %s, %s in all", s.Count, of, Human(s.WorstNs, 4), Human(s.TotalNs, 4))
}

// list names the first elements; the record itself has them all.
func list[T any](elements []T) string {
	const shown = 5
	var parts []string
	for _, e := range elements[:min(len(elements), shown)] {
		parts = append(parts, fmt.Sprint(e))
	}
	msg := strings.Join(parts, " ")
	if more := len(elements) - shown; more > 0 {
		msg += fmt.Sprintf(" and %d more", more)
	}
	return msg
}
