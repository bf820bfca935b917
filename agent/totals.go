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
	slow       uint64 // slow records written
	notSlow    uint64 // handed over by the kernel, but under the threshold of the rule that decided
	suppressed uint64 // slow records held back by [limits]

	ended    bpf.Counters      // of the sessions that have ended
	reported map[string]uint64 // losses when the last interval ended
	slowThen uint64            // slow when the last interval ended
	usage    Usage             // when the last interval ended
}

func newTotals() *totals { return &totals{reported: map[string]uint64{}} }

// retire keeps the counters of a session that ends.
func (t *totals) retire(kernel Kernel) {
	if c, err := kernel.Counters(); err == nil {
		t.ended = t.ended.Plus(c)
	}
}

// kernel is the sum over all sessions.
func (a *Agent) kernelCounters() bpf.Counters {
	if a.session == nil {
		return a.totals.ended
	}
	c, err := a.session.kernel.Counters()
	if err != nil {
		a.env.Log.Error("read the counters", "error", err)
	}
	return a.totals.ended.Plus(c)
}

// losses are all counters of things lost or held back, by their names in the
// interval record.
func (a *Agent) losses(c bpf.Counters) map[string]uint64 {
	losses := map[string]uint64{
		"storage_failed": c.StorageFailed, "rows_overflowed": c.RowsOverflowed, "rows_failed": c.RowsFailed,
		"ring_full": c.RingFull, "recursion_misses": c.RecursionMisses, "negative": c.Negative,
		"overwritten": c.Overwritten, "refiltered": c.Refiltered, "cgroup_names_failed": c.CgroupNamesFailed,
		"process_names_failed": c.ProcessNamesFailed, "suppressed": a.totals.suppressed,
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

// balance checks the two equations of struct counters.
func balance(c bpf.Counters) record.Balance {
	inFlight := int64(c.Enter - c.Matched - c.Died - c.Overwritten - c.Refiltered)
	return record.Balance{
		Enter: c.Enter, Exit: c.Exit, Matched: c.Matched, Died: c.Died, InFlight: inFlight,
		Overwritten: c.Overwritten, ExitWithoutEnter: c.ExitWithoutEnter, Refiltered: c.Refiltered,
		Residual: int64(c.Exit - c.Matched - c.ExitWithoutEnter - c.Refiltered),
	}
}

func newLimiter(l policy.Limits) *limit.Limiter {
	return &limit.Limiter{Rate: l.RecordsPerSecond, Burst: l.Burst}
}
