package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// examples and maxOpen are those of package incident.
const (
	examples = 5
	maxOpen  = 256
)

// stalled are hung calls of so many threads, which wait at one place.
func (r *rig) stalled(threads int, age time.Duration) (calls []*bpf.SlowCall) {
	for tid := range uint32(threads) {
		calls = append(calls, r.hung(tid+1, age))
	}
	return calls
}

func TestSlowCallsOfOneCauseAreOneIncident(t *testing.T) {
	r := runHanging(t, hanging)
	for _, call := range r.stalled(examples+3, 2*time.Second) {
		r.returns(r.back(call))
	}
	records := r.written()
	if n := len(only[*record.Slow](records)); n != examples {
		t.Errorf("%d records of their own, want %d", n, examples)
	}
	opened := only[*record.Incident](records)
	if len(opened) != 1 || opened[0].Change != record.IncidentOpened || opened[0].Victims != examples+1 || opened[0].Calls != examples+1 {
		t.Fatalf("opened: %+v", opened)
	}
	if i := opened[0]; i.Systemd.Unit != "a.service" || i.Site != "symbol_7" || len(i.KernelStack) != 1 || i.Files[0] != "/mnt/x" || i.Syscall.Name != "read" {
		t.Errorf("opened: %+v", i)
	}
	r.do(Flush{})
	if c := r.untilCounter("incidents", 1).Counters; c["folded"] != 3 || c["slow_records"] != examples {
		t.Errorf("counters %v", c)
	}
	r.written()

	// After a quiet while it is over; the timer is the agent's own.
	r.pass(10 * time.Second)
	r.untilCounter("incidents", 0)
	closed := only[*record.Incident](r.written())
	if len(closed) != 1 || closed[0].ID != opened[0].ID || closed[0].Change != record.IncidentClosed ||
		closed[0].Calls != examples+3 || closed[0].Folded != 3 || closed[0].TotalNs != (examples+3)*2e9 || closed[0].Level != "INFO" {
		t.Errorf("closed: %+v", closed)
	}

	// The next one has another name.
	for _, call := range r.stalled(examples+1, 2*time.Second) {
		r.returns(r.back(call))
	}
	if next := only[*record.Incident](r.written()); len(next) != 1 || next[0].ID == opened[0].ID {
		t.Errorf("the next one: %+v", next)
	}
}

func TestAStopClosesIncidents(t *testing.T) {
	r := runHanging(t, hanging)
	for _, call := range r.stalled(examples+1, 2*time.Second) {
		r.returns(r.back(call))
	}
	id := only[*record.Incident](r.written())[0].ID
	r.do(Stop{})
	closed := only[*record.Incident](r.written())
	if len(closed) != 1 || closed[0].ID != id || closed[0].Change != record.IncidentClosed || closed[0].Calls != examples+1 {
		t.Errorf("closed: %+v", closed)
	}
	if n := r.Status().Counters["incidents"]; n != 0 {
		t.Errorf("%d incidents after the stop", n)
	}
}

func TestStuckCallsOfOneCauseAreOneIncident(t *testing.T) {
	r := runHanging(t, hanging)
	calls := r.stalled(examples+20, 10*time.Second)
	r.kernel().hang(calls...)
	r.sweepNow()
	records := r.written()
	if n := len(only[*record.Stuck](records)); n != examples {
		t.Errorf("%d stuck records, want %d", n, examples)
	}
	if opened := only[*record.Incident](records); len(opened) != 1 || opened[0].Stuck != examples+1 || opened[0].Calls != 0 {
		t.Fatalf("opened: %+v", opened)
	}
	if now := r.stuckLines(); len(now) != examples {
		t.Errorf("%d calls are stuck by their records, want %d", len(now), examples)
	}
	r.do(Flush{})
	if c := r.Status().Counters; c["stuck"] != examples+20 || c["folded"] != 20 || c["stuck_records"] != examples {
		t.Errorf("counters %v", c)
	}
	r.written()

	// When they are due again, the incident speaks for all of them.
	r.pass(10 * time.Second)
	r.sweepNow()
	if again := only[*record.Stuck](r.written()); len(again) != 0 {
		t.Errorf("again: %d, %+v", len(again), again)
	}

	// What returns is counted, and so is the thread that died; then it is over.
	r.kernel().hang()
	for _, call := range calls[1:] {
		r.returns(r.back(call))
	}
	r.sweepNow()
	r.sweepNow()
	records = r.written()
	if slow := only[*record.Slow](records); len(slow) != 0 {
		t.Errorf("%d records of calls that an incident counts", len(slow))
	}
	r.pass(10 * time.Second)
	r.untilCounter("incidents", 0)
	closed := only[*record.Incident](r.written())
	if len(closed) != 1 || closed[0].Stuck != 0 || closed[0].Victims != examples+20 || closed[0].Calls != examples+19 {
		t.Errorf("closed: %+v", closed)
	}
}

func TestAStuckThreadThatDiedLeavesItsIncident(t *testing.T) {
	r := runHanging(t, hanging)
	var calls []*bpf.SlowCall
	for tid := range uint32(examples + 2) {
		calls = append(calls, r.hung(noThread+tid, 10*time.Second))
	}
	r.kernel().hang(calls...)
	r.sweepNow()
	r.kernel().hang(calls[1:]...)
	r.sweepNow()
	r.written()
	r.sweepNow()
	if ended := only[*record.Ended](r.written()); len(ended) != 0 {
		t.Errorf("ended, though an incident counts it: %+v", ended)
	}
	r.do(Stop{})
	if closed := only[*record.Incident](r.written()); len(closed) != 1 || closed[0].Stuck != examples+1 {
		t.Errorf("closed: %+v", closed)
	}
}

func TestIncidentsThatGiveWayAreCounted(t *testing.T) {
	r := runHanging(t, hanging)
	r.inside(func() {
		r.Agent.incidents.book.Burst = maxOpen + 2
		for unit := range uint64(maxOpen + 2) {
			r.kernel().cgroups[100+unit] = fmt.Sprintf("/system.slice/%d.service", unit)
		}
	})
	for unit := range uint64(maxOpen + 2) {
		for range examples + 1 {
			call := r.hung(uint32(unit+1), 2*time.Second)
			call.Cgroup = 100 + unit
			r.kernel().slow <- slowOrError{call: r.back(call)}
		}
	}
	r.returns()
	r.do(Flush{})
	records := r.written()
	if drops := only[*record.Interval](records)[0].Drops; drops["incidents_evicted"] != 2 {
		t.Errorf("drops %v", drops)
	}
	closed := 0
	for _, i := range only[*record.Incident](records) {
		if i.Change == record.IncidentClosed {
			closed++
		}
	}
	if closed != 2 {
		t.Errorf("%d closed", closed)
	}
}

// Calls that waited for the disk, and then longer for a CPU, are no victims of the disk.
func TestAnIncidentIsOfTheMainCause(t *testing.T) {
	for name, test := range map[string]struct {
		wait        bpf.Wait
		site, class string
	}{
		"the disk": {bpf.Wait{IONs: 18e8, RunqueueNs: 2e8, Stack: []uint64{7}}, "symbol_7", ""},
		"no CPU":   {bpf.Wait{IONs: 2e8, RunqueueNs: 18e8, Stack: []uint64{7}}, "", "CPU"},
	} {
		r := runHanging(t, hanging)
		for _, call := range r.stalled(examples+1, 2*time.Second) {
			back := r.back(call)
			back.Wait = &test.wait
			r.returns(back)
		}
		records := r.written()
		opened := only[*record.Incident](records)
		if len(opened) != 1 || opened[0].Site != test.site || opened[0].Class != test.class {
			t.Errorf("%s: %+v", name, opened)
		}
		r.do(Flush{})
		if got := only[*record.Interval](r.written()); len(got) != 1 || got[0].Slow != examples+1 {
			t.Errorf("%s: an interval of %d slow calls: %+v", name, examples+1, got)
		}
	}
}
