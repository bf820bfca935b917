package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
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
	written map[stuck.Key]*reported
}

// reported is a call that was reported and has not returned.
type reported struct {
	record *record.Stuck // the last one that was written; nil where an incident counts it
	seen   *bpf.SlowCall // as the last sweep that found it did
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

// seeAgain takes what the running sweep has found of the calls that were reported before.
func (s *stuckCalls) seeAgain() {
	for key, c := range s.written {
		if open, found := s.open[key]; found && c.record != nil {
			c.seen = open.call
		}
	}
}

// closes says that a call has returned. True: it was reported as stuck.
func (s *stuckCalls) closes(call *bpf.SlowCall) bool {
	key := stuckKey(call)
	delete(s.open, key)
	delete(s.written, key)
	return s.tracker.Closes(key)
}

// sweep looks for calls that have not returned, and reports those whose time has
// come. The error is one of the reader of slow calls, which ends the service.
func (a *Agent) sweep() error {
	began := a.mono()
	a.nextSweep = began + a.effective.Stuck.Sweep
	if !a.sweeps() {
		return nil
	}
	after := a.effective.Stuck.After
	a.stuck.open = nil
	swept, done, err := a.findOpen(after)
	if !done || err != nil {
		return err
	}
	if swept.Found == 0 && a.stuck.tracker.Len() == 0 {
		each := lookEach(a.effective.Collect.Interval)
		a.nextSweep = max(a.nextSweep, withLook(began+swept.Quiet, a.budget.lookBegan+each, each))
		return nil
	}
	if err := a.drainSlow(); err != nil {
		return err
	}
	keys := make([]stuck.Key, 0, len(a.stuck.open))
	for key := range a.stuck.open {
		keys = append(keys, key)
	}
	found := a.stuck.tracker.Sweep(a.mono(), after, keys)
	a.stuck.seeAgain()
	for _, report := range found.Report {
		a.reportStuck(a.stuck.open[report.Key], report)
	}
	for _, ended := range found.Ended {
		a.endStuck(ended)
	}
	a.stuck.open = nil
	return nil
}

// sweepSoon: what the last sweep said of the next one was of other settings.
func (a *Agent) sweepSoon() {
	a.nextSweep = min(a.nextSweep, a.mono()+a.effective.Stuck.Sweep)
}

// findOpen has the kernel side hand over the calls that are open: thousands of threads
// may hang on one file server. False: not all were found.
func (a *Agent) findOpen(after time.Duration) (swept bpf.Swept, done bool, unread error) {
	kernel := a.session.kernel
	unread, err := a.beside(func(func(func())) (err error) {
		swept, err = kernel.Sweep(after)
		return err
	})
	if unread != nil {
		return bpf.Swept{}, false, unread
	}
	if err != nil {
		a.env.Log.Error("look for stuck calls: again with the next sweep", "error", err)
		return bpf.Swept{}, false, nil
	}
	return swept, true, nil
}

// reportStuck writes the record of a call that has not returned.
func (a *Agent) reportStuck(open openCall, report stuck.Report) {
	call, stack := open.call, a.stackOf(open.call)
	if a.stuck.written == nil {
		a.stuck.written = map[stuck.Key]*reported{}
	}
	known := a.stuck.written[report.Key]
	if known != nil && (known.record == nil || a.incidents.book.Counts(call.TID)) {
		return // an incident's
	}
	if known == nil && a.fold(call, open.at, open.verdict, stack) {
		a.stuck.written[report.Key] = &reported{}
		return
	}
	if !a.allowed(open.verdict, open.at, report.Age) {
		a.totals.suppressed++
		return
	}
	r := stuckRecord(call, open.verdict, stack, report.Reports)
	r.Timing = a.timing(call)
	r.OvershootNs = 0 // it has not come back to say so
	a.describe(&r.Scene, call, open.at)
	a.nameLockHolder(&r.Scene, call)
	a.stuck.written[report.Key] = &reported{r, call}
	a.totals.stuck++
	a.write(r, a.wall(call.EndNs))
}

// endStuck closes a call of which there was no slow record.
func (a *Agent) endStuck(ended stuck.Ended) {
	last := a.stuck.written[ended.Key]
	delete(a.stuck.written, ended.Key)
	counted := a.incidents.book.Counts(ended.TID)
	a.incidents.ended(a.mono(), ended.TID)
	if last == nil || last.record == nil || counted {
		return
	}
	reason := record.EndedUnseen
	if !isAlive(ended.TID) {
		reason = record.EndedDied
	}
	a.write(a.asSeen(last).Ended(reason, uint64(ended.Age)), a.env.Now())
}

// isAlive: there is a thread of this number. No permission is needed to ask. One
// that has died has its number until its parent asks how it ended.
func isAlive(tid uint32) bool {
	if errors.Is(unix.Kill(int(tid), 0), unix.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", tid))
	state := bytes.LastIndexByte(stat, ')') + 2
	return err != nil || state >= len(stat) || stat[state] != 'Z' && stat[state] != 'X'
}

// maxStuckNow bounds an answer: at 3.5 KB each it stays far below the 32 MiB at
// which the system bus cuts the connection of the sender (dbus-daemon(1), max_message_size).
const maxStuckNow = 1000

// StuckCalls are the records of the calls that were reported as stuck and have not
// returned, one line of JSON each, as the last sweep found them; the oldest call
// first. Those that an incident counts have no record.
func (a *Agent) StuckCalls(ctx context.Context) ([]string, error) {
	var records []*record.Stuck
	if err := a.inLoop(ctx, func() { records = a.stuckNow() }); err != nil {
		return nil, err
	}
	return lines(records), nil
}

func (a *Agent) stuckNow() []*record.Stuck {
	if !a.sweeps() {
		return nil // what was seen before says nothing about now
	}
	var calls []*reported
	for _, c := range a.stuck.written {
		if c.record != nil {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(x, y *reported) int {
		return cmp.Or(cmp.Compare(x.seen.StartNs, y.seen.StartNs), cmp.Compare(x.seen.TID, y.seen.TID))
	})
	now := make([]*record.Stuck, min(len(calls), maxStuckNow))
	for i := range now {
		now[i] = a.asSeen(calls[i])
	}
	return now
}

// asSeen is the record of a call as the last sweep found it.
func (a *Agent) asSeen(c *reported) *record.Stuck {
	call, stack := c.seen, a.stackOf(c.seen)
	return c.record.Later(a.wall(call.EndNs), call.EndNs, recordWait(call.Wait, stack), withoutAddresses(stack.Frames))
}

// sweeps: calls that do not return are looked for.
func (a *Agent) sweeps() bool { return a.session != nil && a.effective.Stuck.After != policy.Never }

// untilSweep is the time to the next sweep; none is due while stopped.
func (a *Agent) untilSweep() (time.Duration, bool) {
	if !a.sweeps() {
		return 0, false
	}
	return a.nextSweep - a.mono(), true
}
