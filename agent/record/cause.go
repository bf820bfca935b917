package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// cause is a share of a call's time, in words.
type cause struct {
	ns       uint64
	what     string
	resource string // whose pressure belongs to it: "CPU", "I/O" or ""
	asleep   bool   // the site and the waker tell about it
}

const waitingForIO = "waiting for I/O"

// causes are the shares of the time, largest first.
func (w *Wait) causes() []cause {
	// What was stopped, traced, frozen or throttled is in the four times as well:
	// it is taken out of these, or it would be told twice.
	sleep, runqueue := w.SleepNs, w.RunqueueNs
	take := func(from *uint64, ns uint64) uint64 {
		ns = min(ns, *from)
		*from -= ns
		return ns
	}
	all := []cause{
		{ns: take(&sleep, w.StoppedNs), what: "stopped by a signal"},
		{ns: take(&sleep, w.TracedNs), what: "stopped by a tracer"},
		{ns: take(&sleep, w.FrozenNs), what: "frozen"},
		{ns: take(&runqueue, w.ThrottledNs), what: "throttled by its CPU quota", resource: "CPU"},
		{ns: w.IOWaitNs, what: waitingForIO, resource: "I/O", asleep: true},
		{ns: sleep, what: "asleep", asleep: true},
		{ns: runqueue, what: "waiting for a CPU", resource: "CPU"},
		{ns: w.CPUNs, what: "burning CPU"},
	}
	slices.SortStableFunc(all, func(a, b cause) int { return cmp.Compare(b.ns, a.ns) })
	return slices.DeleteFunc(all, func(c cause) bool { return c.ns == 0 })
}

// why tells where the time of a call went: its largest share, and the second
// one when that is at least a quarter. "" when it is not known.
func (s *Scene) why() string {
	if s.Wait == nil {
		return ""
	}
	causes := s.Wait.causes()
	if len(causes) == 0 {
		return ""
	}
	total := float64(s.Wait.CPUNs) + float64(s.Wait.RunqueueNs) + float64(s.Wait.IOWaitNs) + float64(s.Wait.SleepNs)
	var facts []string
	for i, c := range causes[:min(len(causes), 2)] {
		if i == 0 || float64(c.ns) >= total/4 {
			facts = append(facts, Human(c.ns, 3)+" "+s.reason(c)+s.pressure(c))
		}
	}
	return strings.Join(facts, ", ")
}

// whyNow tells what a call that has not returned is doing.
func (s *Scene) whyNow() string {
	var causes []cause
	if s.Wait != nil {
		causes = s.Wait.causes()
	}
	switch {
	case len(causes) == 0 && len(s.KernelStack) == 0:
		return ""
	case len(causes) == 0:
		return "waiting" + s.in()
	case causes[0].what == "asleep":
		return "waiting" + s.in() + s.counterpart() + s.pressure(causes[0])
	case causes[0].asleep:
		return s.asleep(causes[0]) + s.in() + s.counterpart() + s.pressure(causes[0])
	}
	return causes[0].what + s.pressure(causes[0])
}

// reason is a cause with what else is known about it. The site and the others
// belong to the longest wait: a cause that is shorter is not that one.
func (s *Scene) reason(c cause) string {
	longest := s.Wait.LongestNs
	switch {
	case !c.asleep || longest > c.ns+s.Wait.RunqueueNs: // the longest one was of another kind
		return c.what
	case longest != 0 && longest < c.ns/2: // many waits, of which this is but one
		return fmt.Sprintf("%s, the longest %s%s%s", c.what, Human(longest, 3), s.in(), s.counterpart())
	}
	return s.asleep(c) + s.in() + s.counterpart()
}

// asleep: an uninterruptible sleep whose blocker is known is no I/O.
func (s *Scene) asleep(c cause) string {
	if s.Wait.Blocker != (Task{}) {
		return "waiting for a kernel lock"
	}
	return c.what
}

// in names the function, and in words what is waited for there.
func (s *Scene) in() string {
	switch w := s.Wait; {
	case w != nil && w.Site != "":
		return siteLabel(w.Site, w.Class)
	case len(s.KernelStack) > 0:
		return siteLabel(s.KernelStack[0], "")
	}
	return ""
}

func siteLabel(site, class string) string {
	if class == "" {
		return " in " + site
	}
	return " in " + site + " (" + class + ")"
}

// counterpart names who stood in the way. A waker without a PID is an
// interrupt, which says nothing, and one that is the thread itself neither.
func (s *Scene) counterpart() string {
	w := s.Wait
	switch {
	case w.Blocker != (Task{}):
		return ", held up by " + w.Blocker.label()
	case w.Waker.PID != 0 && w.Waker.TID != s.Process.TID:
		return ", woken by " + w.Waker.label()
	}
	return ""
}

// pressure adds the pressure that belongs to a cause.
func (s *Scene) pressure(c cause) string {
	var text string
	if w := s.Wait; w != nil && w.MajorFaults > 0 && c.what == waitingForIO {
		text = fmt.Sprintf(", %d major faults", w.MajorFaults)
	}
	if s.Pressure == nil {
		return text
	}
	if text != "" && s.Pressure.Memory >= high {
		text += fmt.Sprintf(", memory pressure %s %%", s.Pressure.Memory)
	}
	of := map[string]Percent{"CPU": s.Pressure.CPU, "I/O": s.Pressure.IO}[c.resource]
	if of >= high {
		text += fmt.Sprintf(", %s pressure %s %%", c.resource, of)
	}
	return text
}
