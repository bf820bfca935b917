// Package cost puts a price on what we do to the host: what each call and each context
// switch takes longer for us, times how many there are, and the CPU time of our own process.
package cost

import (
	"time"

	"github.com/syscountd/syscountd/bpf"
)

// Price is how much longer something takes because of us, in ns.
type Price struct {
	CallNs    float64 // a system call that is observed
	LeftOutNs float64 // one that is not, but passes our programs
	SwitchNs  float64 // a context switch
}

// PriceOf is what calls cost by the loops of a calibration without us and one with us. The first may be
// hours old: how fast the CPU runs now is taken into account.
func PriceOf(without, with bpf.Speed) Price {
	slower := 1.0
	if without.SpinNs > 0 && with.SpinNs > 0 {
		slower = with.SpinNs / without.SpinNs
	}
	call := max(with.CallNs-without.CallNs*slower, 0)
	return Price{
		CallNs:    call,
		LeftOutNs: min(max(with.LeftOutNs-without.LeftOutNs*slower, 0), call), // which does a part of the same
	}
}

// Events are what has a price.
type Events struct {
	Calls    uint64 // observed ones that ended
	LeftOut  uint64
	Switches uint64
}

// EventsSince are those between two looks at the counters.
func EventsSince(before, now bpf.Counters) Events {
	return Events{
		Calls: since(before.Exit, now.Exit), LeftOut: since(before.LeftOut, now.LeftOut), Switches: since(before.Switches, now.Switches),
	}
}

// since is 0 if the counters could not be read.
func since(before, now uint64) uint64 { return now - min(before, now) }

// Plus adds two sets of events.
func (e Events) Plus(more Events) Events {
	return Events{e.Calls + more.Calls, e.LeftOut + more.LeftOut, e.Switches + more.Switches}
}

// Ns is what events cost.
func (p Price) Ns(e Events) float64 {
	return float64(e.Calls)*p.CallNs + float64(e.LeftOut)*p.LeftOutNs + float64(e.Switches)*p.SwitchNs
}

// fewestTimed switches tell what one takes; fewer may be by chance those of one kind.
const fewestTimed = 30

// SwitchNs is what our program took in a context switch between two looks at the counters; false:
// too few were timed.
func SwitchNs(before, now bpf.Counters) (ns float64, ok bool) {
	timed := since(before.TimedSwitches, now.TimedSwitches)
	if timed < fewestTimed {
		return 0, false
	}
	return float64(since(before.SwitchNs, now.SwitchNs)) / float64(timed), true
}

// Spent is what some time has cost.
type Spent struct {
	Events
	Calibration uint64  // of Calls, our own that measure the price
	KernelNs    float64 // of our programs, in the calls and switches of others
	OwnNs       uint64  // CPU time of our own process
	SummaryNs   uint64  // of OwnNs, what went with summaries
}

// Plus adds what was spent in two times.
func (s Spent) Plus(more Spent) Spent {
	return Spent{
		s.Events.Plus(more.Events), s.Calibration + more.Calibration, s.KernelNs + more.KernelNs, s.OwnNs + more.OwnNs,
		s.SummaryNs + more.SummaryNs,
	}
}

// Share is what part of so many CPUs that is, 0 to 1.
func (s Spent) Share(elapsed time.Duration, cpus int) float64 {
	return share(s.KernelNs+float64(s.OwnNs), elapsed, cpus)
}

// Shares are the same by where it goes; summaries are in none of it, since they come by interval.
func (s Spent) Shares(elapsed time.Duration, cpus int) Shares {
	rest := s.OwnNs - min(s.SummaryNs, s.OwnNs)
	return Shares{Kernel: share(s.KernelNs, elapsed, cpus), Rest: share(float64(rest), elapsed, cpus)}
}

// At is what would have been spent, had the prices been others.
func (s Spent) At(p Price) Spent {
	s.KernelNs = p.Ns(s.Events)
	return s
}

// PerSecond is the rate of calls, observed or left out.
func (e Events) PerSecond(elapsed time.Duration) float64 {
	return float64(e.Calls+e.LeftOut) / max(elapsed.Seconds(), 1e-3)
}

func share(ns float64, elapsed time.Duration, cpus int) float64 {
	return ns / (float64(max(elapsed, 1)) * float64(max(cpus, 1)))
}
