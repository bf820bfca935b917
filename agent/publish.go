package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/limit"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// publish makes a new picture of the agent for its readers.
func (a *Agent) publish() { a.publishWith(a.kernelCounters()) }

// publishWith does so with counters that were read just now.
func (a *Agent) publishWith(c bpf.Counters) {
	counters := a.losses(c)
	counters["enter"], counters["exit"], counters["matched"] = c.Enter, c.Exit, c.Matched
	counters["died"], counters["exit_without_enter"] = c.Died, c.ExitWithoutEnter
	counters["unstamped"], counters["handed_over"], counters["unwanted"] = c.Unstamped, c.HandedOver, c.Unwanted
	counters["restarted"], counters["interrupted"], counters["abandoned"] = c.Suspended, c.Interrupted, c.Abandoned
	counters["callbacks"], counters["callbacks_returned"], counters["callbacks_void"] = c.Callbacks, c.Returned, c.Voided
	counters["callbacks_died"] = c.CallbacksDied
	counters["slow"], counters["slow_records"], counters["not_slow"] = c.Slow, a.totals.slow, a.totals.notSlow
	counters["ruled_out"] = c.RuledOut
	counters["stuck_records"], counters["folded"] = a.totals.stuck, a.totals.folded
	maps.Copy(counters, a.pending())
	maps.Copy(counters, a.balanceNow())
	s := &Status{
		State: "stopped", Mode: a.effective.Collect.Mode, Filter: a.filter.clone(),
		Thresholds: slices.Clone(a.overrides), Policy: slices.Clone(a.policy.Files), Learned: a.learnedNow(),
		Interval: a.effective.Collect.Interval, Counters: counters,
		Unseen: a.unseenWatching(counters), Exited: a.targets.exited(), Auto: a.budget.climb != nil, Sample: a.effective.Collect.Sample, LowestStep: a.ladderNote(), Cost: a.costNow(),
	}
	if a.session != nil {
		for program, n := range a.misses() {
			counters["recursion_misses."+program] = n
		}
		s.Resumed = a.accounts.resumed
		s.State, s.Attachment = "running", a.session.kernel.Attachment()
	}
	s.Sentence = sentence(s)
	a.status.Store(s)
	if a.env.OnStatus != nil {
		a.env.OnStatus(s)
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// pending is what goes on now: open incidents, and calls that are stuck. These have
// no number while nobody looks for them: it would say that there are none.
func (a *Agent) pending() map[string]uint64 {
	pending := map[string]uint64{"incidents": uint64(a.incidents.book.Open())}
	if a.sweeps() {
		pending["stuck"] = uint64(a.stuck.tracker.Len())
	}
	return pending
}

// pendingChanged: the published picture says something else. It must not be as old
// as an interval to those who ask what is wrong now.
func (a *Agent) pendingChanged() bool {
	for name, n := range a.pending() {
		if a.Status().Counters[name] != n {
			return true
		}
	}
	return false
}

// sentence is what systemctl status shows: what is observed, and what was found.
func sentence(s *Status) string {
	if s.State != "running" {
		return "Stopped: nothing is attached; syscountctl start goes on."
	}
	what := "the whole host"
	if f := recordFilter(s.Filter); f != nil {
		what = f.Label()
	}
	msg := fmt.Sprintf("Observing %s in mode %s; %d slow calls recorded", what, s.ModeLabel(), s.Counters["slow_records"])
	if len(s.Exited) > 0 {
		msg += "; exited: " + (&record.Filter{PIDs: s.Exited}).Label()
	}
	msg += pendingNames(s.Counters)
	if s.Resumed != nil {
		msg += "; " + s.Resumed.Label()
	}
	if lost := lossNames(s); lost != "" {
		msg += "; lost: " + lost
	}
	return msg + "."
}

// pendingNames says what goes on now; nothing where nothing does.
func pendingNames(counters map[string]uint64) string {
	text := ""
	if n := counters["stuck"]; n != 0 {
		text += "; " + counted(n, "call has not returned", "calls have not returned")
	}
	if n := counters["incidents"]; n != 0 {
		text += "; " + counted(n, "incident goes on", "incidents go on")
	}
	return text
}

func counted(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// trueLosses are the counters that mean that something is missing from the
// records, not only told elsewhere.
var trueLosses = []string{
	"storage_failed", "rows_failed", "ring_full", "recursion_misses", "overwritten", "undrained", "callbacks_failed", "callbacks_astray",
	"slow_unread", "output_dropped_queue", "output_dropped_deadline", "output_dropped_error",
}

// switchesMissed is a true loss in mode watch, which finds a slow call by its switches only.
// In the other modes it is none by itself: they see the end of the call.
const switchesMissed = "switches_missed"

func lossNames(s *Status) string {
	var parts []string
	for _, name := range trueLosses {
		if n := s.Counters[name]; n != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	if s.Unseen != 0 {
		parts = append(parts, fmt.Sprintf("%s %d in mode watch", switchesMissed, s.Unseen))
	}
	return strings.Join(parts, ", ")
}

// interval makes the record that closes an interval.
func (a *Agent) interval(lines ledger.Lines, held []limit.Held, intervalNs uint64, final bool) *record.Interval {
	c := a.kernelCounters()
	cpuNs := a.env.CPUNs()
	r := &record.Interval{
		IntervalNs: intervalNs, Final: final, Mode: a.effective.Collect.Mode,
		Slow: a.totals.slowCalls - a.totals.slowThen, Drops: a.totals.since(a.losses(c)), RecursionMisses: a.misses(),
		Cost:       a.costOf(cpuNs, intervalNs),
		Suppressed: suppressions(limit.Top(held, maxSuppressions)),
	}
	if a.effective.Collect.Mode == "watch" {
		r.Callbacks = a.callbacks()
		a.totals.unseen += r.Drops[switchesMissed]
	} else {
		r.Totals, r.Balance = a.intervalTotals(lines), a.balance()
	}
	a.session.balance = r.Balance
	a.totals.slowThen, a.totals.cpuNs = a.totals.slowCalls, cpuNs
	return r
}

func (a *Agent) intervalTotals(lines ledger.Lines) *record.Totals {
	t := &record.Totals{Groups: uint64(a.session.ledger.Groups()), Rows: uint64(len(lines))}
	t.Count, t.Errors, t.TotalNs = lines.Total()
	return t
}

// announce says in a record of its own what is missing from the records of an
// interval. With the sum since the start, because this record may be dropped too.
func (a *Agent) announce(drops map[string]uint64) {
	var parts []string
	for _, name := range trueLosses {
		if drops[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d, %d since the start", name, drops[name], a.totals.reported[name]))
		}
	}
	if n := drops[switchesMissed]; n > 0 && a.effective.Collect.Mode == "watch" {
		parts = append(parts, fmt.Sprintf("%s %d, %d in mode watch since the start", switchesMissed, n, a.totals.unseen))
	}
	if len(parts) > 0 {
		a.state(record.ChangeDrops, nil, strings.Join(parts, "; "))
	}
}

// misses are those of the running session's programs.
func (a *Agent) misses() map[string]uint64 {
	misses, err := a.session.kernel.Misses()
	if err != nil {
		a.env.Log.Error("read the recursion misses", "error", err)
	}
	return misses
}
