package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Interval closes an interval: its totals, what was lost and what we cost.
// Its counts are those of the interval, except in Balance.
type Interval struct {
	Header
	IntervalNs uint64 `json:"interval_ns"`
	Final      bool   `json:"final,omitzero"` // the last, shorter interval before a stop
	Mode       string `json:"mode,omitzero"`  // in force; a change of it ends the interval
	*Totals           // nil: mode watch, which counts no calls
	Slow       uint64 `json:"slow"` // slow calls, whether in records of their own, in incidents, or held back

	// Drops has every counter of things lost, those at zero too: a reader can
	// tell "nothing lost" from "not counted".
	Drops map[string]uint64 `json:"drops"`
	// Suppressed are the records that the limits held back in this interval, by rule and
	// unit; drops.suppressed is their sum.
	Suppressed []Suppression `json:"suppressed,omitempty"`
	Balance    *Balance      `json:"balance,omitzero"`   // nil: mode watch
	Callbacks  *Callbacks    `json:"callbacks,omitzero"` // mode watch only
	// RecursionMisses are the runs of each program that the kernel skipped since they
	// were loaded, by tracepoint: the equations may be off by so much.
	RecursionMisses map[string]uint64 `json:"recursion_misses"`
	Cost            Cost              `json:"cost"`
}

// Totals are of all calls of an interval.
type Totals struct {
	Count   uint64 `json:"count"`
	Errors  uint64 `json:"errors"`
	TotalNs uint64 `json:"total_ns"`
	Groups  uint64 `json:"groups"`
	Rows    uint64 `json:"rows"` // pairs of group and syscall
}

// Callbacks accounts for the ends of calls that mode watch has asked the kernel to
// tell, since the programs were attached: asked = returned + astray + died + void +
// pending. What the kernel restarts is told once for each part:
// restarted = resumed + interrupted + abandoned + those whose signal is being handled.
type Callbacks struct {
	Asked       uint64 `json:"asked"`
	Returned    uint64 `json:"returned"`    // at the end of the call
	Astray      uint64 `json:"astray"`      // elsewhere, such as inside the call: its end was not seen
	Died        uint64 `json:"died"`        // threads that ended in the call
	Void        uint64 `json:"void"`        // of an earlier attachment, or the mode has changed since
	Pending     uint64 `json:"pending"`     // calls that have not returned
	Restarted   uint64 `json:"restarted"`   // of returned: the kernel goes on with the same call
	Interrupted uint64 `json:"interrupted"` // of restarted: a handler made it EINTR
	Abandoned   uint64 `json:"abandoned"`   // of restarted: its end was not seen
}

// Balance accounts for every event of the kernel side since the programs were
// attached (not of the interval: a call may begin in one and end in another):
// enter + unstamped = matched + restarted + died + in_flight + overwritten + refiltered +
// handed_over and exit = matched + restarted + exit_without_enter + refiltered, whatever
// the modes were.
type Balance struct {
	Enter            uint64 `json:"enter"`
	Exit             uint64 `json:"exit"`
	Matched          uint64 `json:"matched"`
	Restarted        uint64 `json:"restarted"`          // left to the kernel's restart, which goes on with the same call
	Interrupted      uint64 `json:"interrupted"`        // of restarted: a handler made it EINTR
	Abandoned        uint64 `json:"abandoned"`          // of restarted: neither begun again nor EINTR
	Died             uint64 `json:"died"`               // threads that ended in a call: exit, kill
	InFlight         uint64 `json:"in_flight"`          // calls that have not returned now, counted thread by thread
	Overwritten      uint64 `json:"overwritten"`        // a second enter before the exit
	Unwanted         uint64 `json:"unwanted,omitzero"`  // of the matched, those whose result the filter leaves out
	Refiltered       uint64 `json:"refiltered"`         // the filter changed in the call and left its thread out
	ExitWithoutEnter uint64 `json:"exit_without_enter"` // fork child, seccomp, in flight at attach or a change of mode
	Unstamped        uint64 `json:"unstamped,omitzero"` // of exit: nobody looked at the beginning, in mode count or before a change of mode

	HandedOver uint64 `json:"handed_over,omitzero"` // of enter: in flight when mode watch came, which sees the ends of slow calls only
	// BetweenLooks are the events while the calls in flight were counted: the equations may
	// be off by so much, and are not held to it.
	BetweenLooks uint64 `json:"between_looks"`
	Residual     uint64 `json:"residual"` // what the two equations miss beyond these; 0 when all is well
}

// Cost is what the service costs the host.
type Cost struct {
	CPUNs    uint64 `json:"cpu_ns"`    // user and system time of its own process in this interval
	RSSBytes uint64 `json:"rss_bytes"` // resident now
	// KernelNs is what its programs took in the calls and context switches of others: the events
	// below, times what each costs longer, which is measured.
	KernelNs         uint64  `json:"kernel_ns"`
	Percent          Percent `json:"percent"` // both times, of all CPUs together
	Calls            uint64  `json:"calls"`   // that passed the programs, observed or not; mode watch: none
	Switches         uint64  `json:"switches"`
	CalibrationCalls uint64  `json:"calibration_calls,omitzero"` // of calls, its own to measure the price: they are in no row
	CallNs           uint64  `json:"call_ns"`                    // added to a call that is observed, now
	LeftOutNs        uint64  `json:"left_out_ns"`                // added to one that is not
	SwitchNs         uint64  `json:"switch_ns"`                  // added to a context switch
}

// Event is EventInterval.
func (*Interval) Event() string { return EventInterval }

// Priority is info.
func (*Interval) Priority() int { return 6 }

// Sentence reads like "60 s: 1203911 calls (12 failed) in 812 rows of 41
// groups, 3 slow, nothing lost".
func (i *Interval) Sentence() string {
	msg := fmt.Sprintf("%s: %s, %d slow, %s", Human(i.IntervalNs, 3), i.Totals.label(), i.Slow, lost(i.Drops))
	if i.Balance != nil && i.Balance.Residual != 0 {
		msg += fmt.Sprintf(", balance off by %d", i.Balance.Residual)
	}
	return msg
}

// label is "7 calls (1 failed) in 2 rows of 1 group".
func (t *Totals) label() string {
	if t == nil {
		return "calls are not counted in this mode"
	}
	return fmt.Sprintf("%s (%d failed) in %s of %s", counted(t.Count, "call"), t.Errors, counted(t.Rows, "row"), counted(t.Groups, "group"))
}

// counted is "1 row", "2 rows".
func counted(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lost names the drop counters that are not zero, in the order of their names.
func lost(drops map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(drops)) {
		if n := drops[name]; n != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	if len(parts) == 0 {
		return "nothing lost"
	}
	return "lost: " + strings.Join(parts, ", ")
}
