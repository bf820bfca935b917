package agent

import (
	"errors"
	"maps"
	"time"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/agent/ladder"
	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// endInterval ends the running interval now.
func (a *Agent) endInterval(final bool) { a.endIntervalAt(a.env.Now(), final) }

// endIntervalAt writes the summaries and the interval record, and begins the next
// interval. What cannot be read stays in the kernel's rows and comes with the
// next one.
func (a *Agent) endIntervalAt(ended time.Time, final bool) {
	if a.session == nil {
		a.beginInterval(ended)
		return
	}
	a.addUp()
	took := ended.Sub(a.starts)
	a.summarise(func() { a.closeInterval(ended, final) })
	a.learnSummaries(a.budget.takeInterval(), took)
	a.publish()
}

// closeInterval writes what there is to tell of an interval.
func (a *Agent) closeInterval(ended time.Time, final bool) {
	lines, over, err := a.harvest()
	if err != nil {
		a.env.Log.Error("read the rows: they come with the next interval", "error", err)
	}
	a.learnFrom(lines)
	intervalNs := uint64(max(ended.Sub(a.starts), 0))
	top, other := lines.Top(a.effective.Collect.Top, waits)
	for _, line := range top {
		a.write(a.summary(line, intervalNs, final), ended)
	}
	if other != nil {
		r := a.summary(other, intervalNs, final)
		r.Syscall, r.Other = record.Syscall{}, true
		a.write(r, ended)
	}
	held := a.limit.TakeHeld()
	a.tellSuppressed(held)
	r := a.interval(lines, held, intervalNs, final)
	a.write(r, ended)
	a.announce(r.Drops)
	a.beginInterval(ended)
	a.letGo(over)
	a.closeAccounts()
}

// harvest reads all rows. What makes no call any more is to be let go when there is nothing more
// to say of it; its name would be gone too.
func (a *Agent) harvest() (ledger.Lines, groups, error) {
	s := a.session
	s.ledger.Begin()
	s.names.forget()
	over := groups{session: s}
	gone, err := a.gone()
	if err != nil {
		return nil, over, err
	}
	ended, err := s.kernel.EndInterval()
	if err != nil {
		return nil, over, err
	}
	err = s.kernel.EachRow(ended, func(key bpf.RowKey, row bpf.Row) {
		s.ledger.Post(s.names.line(key.Group), key, row)
		if len(gone) != 0 && gone[key.Group] {
			over.rows = append(over.rows, key)
		}
	})
	lines := s.ledger.Lines()
	if err != nil {
		return lines, groups{session: s}, err
	}
	over.gone = gone
	calibrated := s.kernel.CalibrationCalls()
	a.budget.interval.Calibration += calibrated - s.calibrationCalls
	s.calibrationCalls = calibrated
	a.scale(lines)
	return lines, over, nil
}

// gone finds the groups that can make no call any more. It is asked before the
// rows are read, so that what is read of them is final.
func (a *Agent) gone() (map[bpf.Group]bool, error) {
	s := a.session
	gone, err := s.names.exited()
	if err != nil {
		return gone, err
	}
	removed, err := s.names.removedCgroups()
	if s.names.byName() {
		return gone, errors.Join(err, s.forgetCgroups(removed))
	}
	for _, id := range removed {
		gone[bpf.Group{ID: id}] = true
	}
	return gone, err
}

// forgetCgroups frees the paths of cgroups that have no rows.
func (s *session) forgetCgroups(ids []uint64) error {
	for _, id := range ids {
		if err := s.forgetCgroup(id); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) forgetCgroup(id uint64) error {
	s.floors.forget(id)
	return s.kernel.DeleteCgroup(id)
}

// free deletes rows and names in the kernel.
func (s *session) free(gone map[bpf.Group]bool, rows []bpf.RowKey) error {
	if err := s.kernel.DeleteRows(rows); err != nil {
		return err
	}
	for _, key := range rows {
		s.ledger.Forget(key)
	}
	if s.names.byName() {
		return s.kernel.DeleteProcesses(maps.Keys(gone))
	}
	for g := range gone {
		if err := s.forgetCgroup(g.ID); err != nil {
			return err
		}
	}
	return nil
}

// summary makes the record of a line.
func (a *Agent) summary(line *ledger.Line, intervalNs uint64, final bool) *record.Summary {
	var h histogram.Histogram
	line.Histogram(&h)
	minNs, maxNs := line.Extremes(&h)
	scale, offset, counts := h.OTel()
	who := a.session.names.who(line.Group)
	r := &record.Summary{
		IntervalNs: intervalNs, Final: final, Sampled: a.sampled(line),
		Systemd: who.systemd, Process: who.process, Cgroup: who.cgroup, Syscall: recordSyscall(line.Syscall),
		Other: line.Group == (bpf.Group{}) && a.effective.Collect.GroupBy != "none",
		Count: line.Count, Errors: line.Errors, Timed: timed(line), TotalNs: line.TotalNs, MinNs: minNs, MaxNs: maxNs,
		P50Ns: h.Quantile(0.5, minNs, maxNs), P90Ns: h.Quantile(0.9, minNs, maxNs),
		P99Ns: h.Quantile(0.99, minNs, maxNs), P999Ns: h.Quantile(0.999, minNs, maxNs),
	}
	if len(counts) > 0 {
		r.Histogram = record.Histogram{Scale: scale, Offset: offset, Counts: counts}
	}
	return r
}

func recordSyscall(sc bpf.Syscall) record.Syscall {
	return record.Syscall{Name: syscalls.Name(sc), Nr: sc.Nr, ABI: sc.ABI.String()}
}

// scale makes the times of a random sample stand for all calls. In mode count those that
// were timed are no such sample: they waited.
func (a *Agent) scale(lines ledger.Lines) {
	if a.isSampled() {
		lines.Scale()
	}
}

func (a *Agent) isSampled() bool {
	return a.effective.Collect.Sample > 1 && a.effective.Collect.Mode == ladder.Account
}

// sampled marks a line whose times are scaled up.
func (a *Agent) sampled(line *ledger.Line) int {
	if line.Timed > 0 && a.isSampled() {
		return a.effective.Collect.Sample
	}
	return 0
}

// timed is of how many calls a line has the times, if not of all or of none.
func timed(line *ledger.Line) uint64 {
	if line.Timed < line.Count {
		return line.Timed
	}
	return 0
}

// waits says whether a line's calls only wait, which puts it below all others.
func waits(sc bpf.Syscall) bool { return syscalls.In(syscalls.Wait, syscalls.Name(sc)) }

// peek is the running interval so far, for Summary.
func (a *Agent) peek(top int) ([]Row, error) {
	if a.session == nil {
		return nil, nil
	}
	s := a.session
	s.names.forget()
	look := s.ledger.Look()
	err := s.kernel.EachRow(s.kernel.Interval(), func(key bpf.RowKey, row bpf.Row) {
		look.Post(s.names.line(key.Group), key, row)
	})
	if err != nil {
		return nil, err
	}
	lines := look.Lines()
	a.scale(lines)
	best, other := lines.Top(top, waits)
	rows := make([]Row, 0, len(best)+1)
	for _, line := range best {
		rows = append(rows, s.row(line))
	}
	if other != nil {
		row := s.row(other)
		row.Group, row.Syscall, row.ABI = "(others)", "", ""
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *session) row(line *ledger.Line) Row {
	var h histogram.Histogram
	line.Histogram(&h)
	minNs, maxNs := line.Extremes(&h)
	return Row{
		Group: s.names.label(line.Group), Syscall: syscalls.Name(line.Syscall), ABI: line.Syscall.ABI.String(),
		Count: line.Count, Errors: line.Errors, TotalNs: line.TotalNs, MaxNs: maxNs, P99Ns: h.Quantile(0.99, minNs, maxNs),
	}
}
