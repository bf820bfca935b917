package agent

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/stuck"
	"github.com/syscountd/syscountd/bpf"
)

// stuckCalls are the calls that have not returned: those of the running sweep,
// and those that were reported.
type stuckCalls struct {
	tracker stuck.Tracker
	open    map[stuck.Key]openCall
	written map[stuck.Key]*record.Stuck // the last record of each; nil where an incident counts it
}

// openCall is a call that a sweep has found, and which is slow by now.
type openCall struct {
	call    *bpf.SlowCall
	at      place
	verdict policy.Verdict
}

func stuckKey(call *bpf.SlowCall) stuck.Key {
	return stuck.Key{TID: call.TID, ProcessStartNs: call.ProcessStartNs, StartNs: call.StartNs}
}

// saw takes a call that the running sweep hands over.
func (s *stuckCalls) saw(call *bpf.SlowCall, at place, v policy.Verdict) {
	if s.open == nil {
		s.open = map[stuck.Key]openCall{}
	}
	s.open[stuckKey(call)] = openCall{call, at, v}
}

// closes says that a call has returned. True: it was reported as stuck.
func (s *stuckCalls) closes(call *bpf.SlowCall) bool {
	key := stuckKey(call)
	delete(s.open, key)
	delete(s.written, key)
	return s.tracker.Closes(key)
}

// sweep looks for calls that have not returned, and reports those whose time has
// come.
func (a *Agent) sweep() {
	after := a.effective.Stuck.After
	if after == policy.Never {
		return
	}
	a.stuck.open = nil
	if err := a.session.kernel.Sweep(after); err != nil {
		a.env.Log.Error("look for stuck calls: again with the next sweep", "error", err)
		return
	}
	a.drainSlow()
	keys := make([]stuck.Key, 0, len(a.stuck.open))
	for key := range a.stuck.open {
		keys = append(keys, key)
	}
	found := a.stuck.tracker.Sweep(a.mono(), after, keys)
	for _, report := range found.Report {
		a.reportStuck(a.stuck.open[report.Key], report)
	}
	for _, ended := range found.Ended {
		a.endStuck(ended)
	}
	a.stuck.open = nil
}

// reportStuck writes the record of a call that has not returned.
func (a *Agent) reportStuck(open openCall, report stuck.Report) {
	call, stack := open.call, a.stackOf(open.call)
	if a.stuck.written == nil {
		a.stuck.written = map[stuck.Key]*record.Stuck{}
	}
	known, reported := a.stuck.written[report.Key]
	if reported && known == nil {
		return // an incident's
	}
	if !reported && a.fold(call, open.at, open.verdict, stack) {
		a.stuck.written[report.Key] = nil
		return
	}
	if !a.limit.Allow(a.mono(), open.verdict.Rule, report.Age) {
		a.totals.suppressed++
		return
	}
	r := stuckRecord(call, open.verdict, stack, report.Reports)
	r.Timing = a.timing(call)
	r.OvershootNs = 0 // it has not come back to say so
	a.describe(&r.Scene, call, open.at)
	a.stuck.written[report.Key] = r
	a.totals.stuck++
	a.write(r, a.wall(call.EndNs))
}

// endStuck closes a call of which there was no slow record.
func (a *Agent) endStuck(ended stuck.Ended) {
	last := a.stuck.written[ended.Key]
	delete(a.stuck.written, ended.Key)
	a.incidents.ended(a.mono(), ended.TID)
	if last == nil {
		return
	}
	reason := record.EndedUnseen
	if !isAlive(ended.TID) {
		reason = record.EndedDied
	}
	a.write(last.Ended(reason, uint64(ended.Age)), a.env.Now())
}

// isAlive: there is a thread of this number. No permission is needed to ask.
func isAlive(tid uint32) bool {
	return !errors.Is(unix.Kill(int(tid), 0), unix.ESRCH)
}

// stuckNow are the calls that are reported and have not returned, oldest first.
func (a *Agent) stuckNow() []*record.Stuck {
	var now []*record.Stuck
	for _, r := range a.stuck.written {
		if r != nil {
			now = append(now, r)
		}
	}
	return now
}

// untilSweep is the time to the next sweep; none is due while stopped.
func (a *Agent) untilSweep() (time.Duration, bool) {
	if a.session == nil || a.effective.Stuck.After == policy.Never {
		return 0, false
	}
	return a.nextSweep - a.mono(), true
}
