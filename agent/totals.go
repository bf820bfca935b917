package agent

import (
	"strings"

	"github.com/syscountd/syscountd/agent/limit"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// totals are the counters of the service's life. Those of the kernel begin
// anew with each session: the ended ones are added up here.
type totals struct {
	slowCalls  uint64 // slow calls, in records of their own, in incidents, or held back
	slow       uint64 // slow records written
	notSlow    uint64 // handed over by the kernel, but under the threshold of the rule that decided
	suppressed uint64 // slow records held back by [limits]
	folded     uint64 // slow calls that an incident counts
	stuck      uint64 // stuck records written
	untracked  uint64 // calls too many to be kept as stuck, in the sessions that have ended

	unread uint64 // slow calls that a killed process had taken, and not judged

	ended    bpf.Counters      // of the sessions that have ended
	carried  map[string]uint64 // losses of the processes before this one that it does not count itself
	reported map[string]uint64 // losses when the last interval ended
	unseen   uint64            // switches missed in the ended intervals of mode watch
	slowThen uint64            // slowCalls when the last interval ended
	cpuNs    uint64            // of our process, when the last interval ended
}

func newTotals() *totals { return &totals{reported: map[string]uint64{}, carried: map[string]uint64{}} }

// retire keeps the counters of a session that ends.
func (t *totals) retire(kernel Kernel) {
	if c, err := kernel.Counters(); err == nil {
		t.ended = t.ended.Plus(c)
	}
}

// kernelCounters is the sum over all sessions.
func (a *Agent) kernelCounters() bpf.Counters {
	if a.session == nil {
		return a.totals.ended
	}
	return a.totals.ended.Plus(a.sessionCounters())
}

// sessionCounters are those of the running session.
func (a *Agent) sessionCounters() bpf.Counters {
	c, err := a.session.kernel.Counters()
	if err != nil {
		a.env.Log.Error("read the counters", "error", err)
	}
	return c
}

// losses are all counters of things lost or held back, by their names in the
// interval record.
func (a *Agent) losses(c bpf.Counters) map[string]uint64 {
	losses := map[string]uint64{
		"storage_failed": c.StorageFailed, "rows_overflowed": c.RowsOverflowed, "rows_failed": c.RowsFailed,
		"ring_full": c.RingFull, "recursion_misses": c.RecursionMisses, "negative": c.Negative,
		"overwritten": c.Overwritten, "refiltered": c.Refiltered, "cgroup_names_failed": c.CgroupNamesFailed,
		switchesMissed:     c.SwitchesMissed,
		"undrained":        c.Undrained,
		"callbacks_failed": c.CallbacksFailed, "callbacks_astray": c.Astray,
		"suppressed": a.totals.suppressed, "slow_unread": a.totals.unread,
	}
	for name, n := range a.ownLosses() {
		losses[name] = n + a.totals.carried[name]
	}
	return losses
}

// ownLosses are those that only this process has counted.
func (a *Agent) ownLosses() map[string]uint64 {
	losses := map[string]uint64{
		"learn_missed":    a.learning.table.Missed(),
		"stuck_untracked": a.totals.untracked + a.stuck.tracker.Overflow(), "incidents_evicted": a.incidents.book.Evicted(),
	}
	for name, n := range a.env.Sink.Counters() {
		if strings.Contains(name, "dropped") {
			losses[name] = n
		}
	}
	return losses
}

// since is what came on top of the last interval's losses.
func (t *totals) since(now map[string]uint64) map[string]uint64 {
	diff := make(map[string]uint64, len(now))
	for name, n := range now {
		diff[name] = n - t.reported[name]
	}
	t.reported = now
	return diff
}

// unseenWatching are the switches that were missed in mode watch until now: the change to
// another mode ends the interval.
func (a *Agent) unseenWatching(now map[string]uint64) uint64 {
	if a.effective.Collect.Mode != "watch" {
		return a.totals.unseen
	}
	return a.totals.unseen + now[switchesMissed] - a.totals.reported[switchesMissed]
}

// looks at the open calls are taken before a residual counts: a thread that
// leaves a CPU during the walk over all threads may be in neither place where its
// open call is kept. What is really missing is missing in each of them.
const looks = 3

// balance checks the equations of struct counters against the calls that are
// open now. It is about the running session: its programs saw all of it.
func (a *Agent) balance() *record.Balance {
	var b record.Balance
	for range looks {
		if b = a.lookAtBalance(); b.Residual == 0 {
			break
		}
	}
	return &b
}

// balanceNow is what the last interval's balance came to, for those who ask between two
// intervals. Where there was none, as in mode watch, a 0 would say that all is well.
func (a *Agent) balanceNow() map[string]uint64 {
	if a.session == nil || a.session.balance == nil {
		return nil
	}
	b := a.session.balance
	return map[string]uint64{"residual": b.Residual, "in_flight": b.InFlight, "between_looks": b.BetweenLooks}
}

// callbacks are those of the running session, in mode watch.
func (a *Agent) callbacks() *record.Callbacks {
	c := a.sessionCounters()
	return &record.Callbacks{
		Asked: c.Callbacks, Returned: c.Returned, Astray: c.Astray, Died: c.CallbacksDied, Void: c.Voided,
		Pending:   c.Callbacks - min(c.Callbacks, c.Returned+c.Astray+c.CallbacksDied+c.Voided),
		Restarted: c.Suspended, Interrupted: c.Interrupted, Abandoned: c.Abandoned,
	}
}

func (a *Agent) lookAtBalance() record.Balance {
	before := a.sessionCounters()
	open, err := a.session.kernel.OpenCalls()
	if err != nil {
		a.env.Log.Error("count the open calls", "error", err)
	}
	c := a.sessionCounters()
	between := events(before, c)
	return record.Balance{
		Enter: c.Enter, Exit: c.Exit, Matched: c.Matched, Restarted: c.Suspended, Interrupted: c.Interrupted,
		Abandoned: c.Abandoned, Died: c.Died, InFlight: open, Overwritten: c.Overwritten,
		ExitWithoutEnter: c.ExitWithoutEnter, Refiltered: c.Refiltered, Unwanted: c.Unwanted, Unstamped: c.Unstamped, HandedOver: c.HandedOver,
		BetweenLooks: between, Residual: residual(c, open, between),
	}
}

// events is how many there were between two looks at the counters.
func events(before, after bpf.Counters) uint64 {
	return after.Enter - before.Enter + after.Exit - before.Exit + after.Died - before.Died
}

// residual is what the equations miss, beyond what the events between two looks
// at the counters can explain: on a quiet host every single event shows.
func residual(after bpf.Counters, open, between uint64) uint64 {
	ends := distance(after.Exit, after.Matched+after.Suspended+after.ExitWithoutEnter+after.Refiltered)
	begins := distance(after.Enter+after.Unstamped,
		after.Matched+after.Suspended+after.Died+after.Overwritten+after.Refiltered+after.HandedOver+open)
	worst := max(ends, begins)
	return worst - min(worst, between)
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

func newLimiter(l policy.Limits) *limit.Limiter {
	return &limit.Limiter{Rate: l.RecordsPerSecond, Burst: l.Burst}
}
