package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/agent/learn"
	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/syscalls"
)

// saveEach is how often what was learned is written: what is lost with a crash is learned again
// in a part of the window, which is no shorter than a few minutes.
const saveEach = 10 * time.Minute

// saveAtEnd is how long the last writing may take before we stop without it.
const saveAtEnd = time.Second

// learning is what was learned, and where it is kept.
type learning struct {
	table *learn.Table
	saved chan struct{} // has a token while nobody writes the file
	next  time.Time     // when it is to be written
}

// LearnedThreshold is one that was learned.
type LearnedThreshold struct {
	Unit, Syscall string
	Threshold     time.Duration
}

// openLearning reads what was learned before. A file that cannot be read is no reason not to start.
func openLearning(env Env, p *policy.Policy) learning {
	l := learning{table: &learn.Table{}, saved: make(chan struct{}, 1), next: env.Now().Add(saveEach)}
	l.saved <- struct{}{}
	if env.StateFile == "" {
		return l
	}
	table, err := learn.ReadFile(env.StateFile, learnOptions(p), env.Now())
	if err != nil {
		env.Log.Warn("what was learned is lost, and learned anew", "error", err)
		return l
	}
	l.table = table
	return l
}

func learnOptions(p *policy.Policy) learn.Options {
	return learn.Options{Floor: p.Learn.Floor, Multiple: p.Learn.Multiple, Quantile: p.Learn.Percentile / 100, Window: p.Learn.Window}
}

// learnFrom takes the rows of an interval whose calls a rule wants to be learned.
func (a *Agent) learnFrom(lines ledger.Lines) {
	if !a.effective.LearnsAny() {
		return
	}
	options, now := learnOptions(a.effective), a.env.Now()
	for _, line := range lines {
		name := syscalls.Name(line.Syscall)
		unit := a.session.names.unit(line.Group)
		if unit == "" || !a.effective.Learns(name) || line.Timed < line.Count {
			continue // those that waited are no measure of what is usual
		}
		var h histogram.Histogram
		line.Histogram(&h)
		_, longest := line.Extremes(&h)
		a.learning.table.Observe(options, now, learn.Key{Unit: unit, Syscall: name}, &h, longest)
	}
	if !now.Before(a.learning.next) {
		a.learning.next = now.Add(saveEach)
		a.saveLearned()
	}
}

// saveLearned has the file written. Nobody waits for the disk: it may be the one that hangs.
func (a *Agent) saveLearned() {
	if a.env.StateFile == "" || !a.effective.LearnsAny() {
		return
	}
	select {
	case <-a.learning.saved:
	default:
		return // the last one is still being written
	}
	text, done := a.learning.table.Marshal(), a.learning.saved
	go func() {
		if err := learn.WriteFile(a.env.StateFile, text); err != nil {
			a.env.Log.Warn("what was learned is not kept", "error", err)
		}
		done <- struct{}{}
	}()
}

// saveLast writes the file at the end of the service, after what is still being written: that is older.
func (a *Agent) saveLast() {
	written := func() bool {
		select {
		case <-a.learning.saved:
			a.learning.saved <- struct{}{}
			return true
		case <-time.After(saveAtEnd):
			return false
		}
	}
	if written() {
		a.saveLearned()
	}
	if !written() {
		a.env.Log.Warn("what was learned is not kept: the file could not be written in time", "file", a.env.StateFile)
	}
}

// learnedThreshold is that of a unit's calls; 0 while it is not known.
func (a *Agent) learnedThreshold(unit, syscall string) time.Duration {
	if unit == "" || !a.effective.Learns(syscall) {
		return 0
	}
	return a.learning.table.Threshold(learnOptions(a.effective), learn.Key{Unit: unit, Syscall: syscall})
}

// learnedNow are the thresholds that were learned for rules in force, by unit and syscall.
func (a *Agent) learnedNow() []LearnedThreshold {
	var all []LearnedThreshold
	for key, d := range a.learning.table.Known(learnOptions(a.effective)) {
		if a.effective.Learns(key.Syscall) {
			all = append(all, LearnedThreshold{key.Unit, key.Syscall, d})
		}
	}
	slices.SortFunc(all, func(x, y LearnedThreshold) int {
		return cmp.Or(cmp.Compare(x.Unit, y.Unit), cmp.Compare(x.Syscall, y.Syscall))
	})
	return all
}
