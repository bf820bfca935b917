package agent

import (
	"fmt"
	"time"

	"github.com/syscountd/syscountd/agent/incident"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// incidents are the book, and what a record says of an open one beyond it.
type incidents struct {
	book  incident.Book
	began uint64 // makes ids unique in a boot
	open  map[uint64]record.Incident
}

// fold counts a call in the incident that it belongs to. False: it belongs to
// none, and has a record of its own.
func (a *Agent) fold(call *bpf.SlowCall, at place, v policy.Verdict, stack kernelStack) bool {
	if a.incidents.open == nil {
		a.incidents.open = map[uint64]record.Incident{}
		a.incidents.began = a.env.MonoNs()
	}
	stack = mainCause(call.Wait, stack)
	decision, events := a.incidents.book.Observe(a.mono(), incident.Call{
		Unit: at.Unit + at.UserUnit, Container: at.ContainerID, Syscall: syscalls.Name(call.Syscall), Site: stack.Site,
		PID: call.PID, TID: call.TID, DurationNs: call.DurationNs(), Path: pathOfCall(call), Stuck: call.Stuck,
	})
	for _, e := range events {
		if e.Change == incident.Opened {
			a.incidents.open[e.ID] = record.Incident{
				Severity: int(v.Severity), Syscall: recordSyscall(call.Syscall), Class: stack.Class, KernelStack: withoutAddresses(stack.Frames),
				Systemd: at.systemd(), Cgroup: at.cgroup, Container: at.container(), Kubernetes: at.kubernetes(),
			}
		}
	}
	a.tell(events)
	if decision == incident.Fold {
		a.totals.folded++
	}
	return decision == incident.Fold
}

// mainCause is the stack, unless the call was without a CPU for more than half of its time off
// the CPU: then it is no victim of what it waited for besides.
func mainCause(w *bpf.Wait, stack kernelStack) kernelStack {
	if w != nil && w.RunqueueNs > w.IONs+w.SleepNs {
		return kernelStack{Class: "CPU"}
	}
	return stack
}

// pathOfCall is what a call was on, by its path.
func pathOfCall(call *bpf.SlowCall) string {
	switch {
	case call.File != nil && call.File.Path != "":
		return call.File.Path
	case len(call.Paths) > 0:
		return call.Paths[0]
	}
	return ""
}

// ended: a stuck thread is stuck no more, and no slow call comes of it.
func (i *incidents) ended(now time.Duration, tid uint32) { i.book.Ended(now, tid) }

// tell writes the records of incidents.
func (a *Agent) tell(events []incident.Event) {
	for _, e := range events {
		r := a.incidents.open[e.ID]
		r.ID = fmt.Sprintf("%x-%d", a.incidents.began, e.ID)
		r.Change = map[incident.Change]string{
			incident.Opened: record.IncidentOpened, incident.Updated: record.IncidentUpdated, incident.Closed: record.IncidentClosed,
		}[e.Change]
		r.DurationNs = uint64(max(e.Last-e.Began, 0))
		r.Victims, r.VictimsAtLeast, r.Stuck = uint64(e.Victims), e.VictimsAtLeast, uint64(e.Stuck)
		r.Calls, r.WorstNs, r.TotalNs, r.Folded = e.Calls, e.WorstNs, e.TotalNs, e.Folded+e.FoldedStuck
		r.Site, r.PIDs, r.Files = e.Key.Site, e.PIDs, e.Paths
		if e.Change == incident.Closed {
			delete(a.incidents.open, e.ID)
		}
		a.write(&r, a.env.Now())
	}
}

// untilIncident is the time until the book has something to say by itself.
func (a *Agent) untilIncident() (time.Duration, bool) {
	next := a.incidents.book.Next(a.mono())
	return next, next > 0
}
