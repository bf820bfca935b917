package system

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

// backLimit is within what systemd has to start the service again after a crash. How
// long the start takes TestEnableNowStartsWithinASecond measures.
const backLimit = time.Second

// shortIntervals counts one syscall per process, so that a kill often meets the end of
// an interval.
const shortIntervals = `
[collect]
mode = "account"
interval = "1s"
group_by = "process"
[filter]
syscalls = ["getppid"]
`

// endless calls getppid all the time, until the test wants to know how often.
type endless struct {
	*waiter
	m *machine
}

func (m *machine) endless(t *testing.T) endless {
	t.Helper()
	p := m.waiting(t, "count", "-until-term")
	p.release(t)
	return endless{p, m}
}

// calls ends it.
func (e endless) calls(t *testing.T) uint64 {
	t.Helper()
	e.m.run(t, "sh", "-c", "kill -TERM "+strconv.Itoa(e.PID))
	var did struct{ Calls struct{ Getppid uint64 } }
	e.decode(t, &did)
	e.wait(t)
	return did.Calls.Getppid
}

// told adds up the summaries of a process's getppid. Those that a killed process had
// written since its last account are void: the next one has told them again.
func told(entries []entry, pid int) (calls uint64) {
	type summary struct{ seq, count uint64 }
	var all []summary
	for _, e := range entries {
		if e.Change == "resumed" {
			all = slices.DeleteFunc(all, func(s summary) bool { return s.seq > e.Resumption.CountedSeq })
		}
		if e.Event == "summary" && e.Process.PID == pid && e.Syscall.Name == "getppid" {
			all = append(all, summary{e.Seq, e.Count})
		}
	}
	for _, s := range all {
		calls += s.count
	}
	return calls
}

// bpfObjects are those that the processes of the service have held.
type bpfObjects struct {
	programs []ebpf.ProgramID
	maps     []ebpf.MapID
}

func (o *bpfObjects) add(t *testing.T, m *machine) {
	t.Helper()
	programs, maps := m.programs(t), m.maps(t)
	if len(programs) == 0 || len(maps) == 0 {
		t.Fatalf("the service has %d programs and %d maps", len(programs), len(maps))
	}
	o.programs, o.maps = append(o.programs, programs...), append(o.maps, maps...)
}

// areFreed wants those to be gone that are not in use. The kernel frees them a little
// later, and tells nobody.
func (o *bpfObjects) areFreed(t *testing.T, inUse bpfObjects) {
	t.Helper()
	eventually(t, "programs and maps of earlier processes are freed", func() bool {
		return !slices.ContainsFunc(o.programs, func(id ebpf.ProgramID) bool { return !slices.Contains(inUse.programs, id) && loaded(t, id) }) &&
			!slices.ContainsFunc(o.maps, func(id ebpf.MapID) bool { return !slices.Contains(inUse.maps, id) && mapExists(id) })
	})
}

func TestAKilledServiceIsBackAndHasLostNoCall(t *testing.T) {
	m := bootRunning(t, shortIntervals)
	load := m.endless(t)
	stored := m.number(t, "NFileDescriptorStore")
	if stored == 0 {
		t.Fatal("nothing is in the store")
	}
	var held bpfObjects
	var ready []time.Duration
	for range repeats(t) {
		held.add(t, m)
		time.Sleep(rand.N(1200 * time.Millisecond)) // at any moment of an interval
		ready = append(ready, m.kill(t))
		if got := m.busProperty(t, "State"); got != `s "running"` {
			t.Errorf("State is %s", got)
		}
		if now := m.number(t, "NFileDescriptorStore"); now != stored {
			t.Errorf("%d descriptors are in the store; before %d", now, stored)
		}
	}
	slices.Sort(ready)
	t.Logf("ready after %v to %v, median %v", ready[0], ready[len(ready)-1], ready[len(ready)/2])
	var last bpfObjects
	last.add(t, m)
	held.areFreed(t, last)
	m.stopped(t, load, append(last.programs, held.programs...), append(last.maps, held.maps...))
	resumed := 0
	for _, e := range m.entries(t) {
		if e.Change == "resumed" {
			resumed++
			if e.Resumption.AwayNs == 0 {
				t.Errorf("it does not say how long nobody was there: %s", e.line)
			}
		}
	}
	if resumed != repeats(t) {
		t.Errorf("resumed %d times after %d kills", resumed, repeats(t))
	}
}

// kill kills the service, waits until another process of it is ready, and says how long
// that took.
func (m *machine) kill(t *testing.T) time.Duration {
	t.Helper()
	before := m.property(t, "MainPID")
	m.killed = true
	m.run(t, "systemctl", "kill", "--signal=KILL", unit)
	eventually(t, "another process of the service runs", func() bool {
		now := m.property(t, "MainPID")
		return now != "0" && now != before && m.property(t, "SubState") == "running"
	})
	died := m.number(t, "ActiveExitTimestampMonotonic")
	since := func(property string) time.Duration {
		return time.Duration(m.number(t, property)-died) * time.Microsecond
	}
	if took := since("ExecMainStartTimestampMonotonic"); took <= 0 || took > backLimit {
		t.Errorf("it was started again after %v; the limit is %v", took, backLimit)
	}
	return since("ActiveEnterTimestampMonotonic")
}

// stopped stops the service, and wants each call of the load to be told, and nothing of
// the service to be left in the kernel.
func (m *machine) stopped(t *testing.T, load endless, programs []ebpf.ProgramID, maps []ebpf.MapID) {
	t.Helper()
	want := load.calls(t)
	m.run(t, "systemctl", "stop", unit)
	if got := told(m.entries(t), load.PID); got != want {
		t.Errorf("%d calls are told; the process made %d", got, want)
	}
	if n := m.number(t, "NFileDescriptorStore"); n != 0 {
		t.Errorf("after the stop %d descriptors are in the store", n)
	}
	all := bpfObjects{programs, maps}
	all.areFreed(t, bpfObjects{})
}

func TestARestartLosesNoCall(t *testing.T) {
	m := bootRunning(t, shortIntervals)
	load := m.endless(t)
	var held bpfObjects
	for range repeats(t) {
		held.add(t, m)
		m.run(t, "systemctl", "restart", unit)
	}
	m.await(t, "resumed record", func(e entry) bool { return e.Change == "resumed" })
	held.add(t, m)
	m.stopped(t, load, held.programs, held.maps)
}

// Another layout: what is stored is of no use, and does not stay.
func TestAStoreOfAnotherLayoutIsRefusedAndRemoved(t *testing.T) {
	m := bootRunning(t, shortIntervals)
	stored := m.number(t, "NFileDescriptorStore")
	var held, now bpfObjects
	held.add(t, m)
	m.writePolicy(t, "[collect]\ngroup_by = \"comm\"\n")
	m.run(t, "systemctl", "restart", unit)
	m.await(t, "refusal", func(e entry) bool {
		return e.Event == "log" && e.Msg == "descriptors in the store are refused, and removed"
	})
	if n := m.number(t, "NFileDescriptorStore"); n != stored {
		t.Errorf("%d descriptors are in the store; before %d", n, stored)
	}
	now.add(t, m)
	for _, id := range now.maps {
		if slices.Contains(held.maps, id) {
			t.Errorf("map %d is still used", id)
		}
	}
	held.areFreed(t, bpfObjects{})
}

// As a host may have it, in a drop-in.
func TestWithoutAStoreARestartBeginsAnew(t *testing.T) {
	m := boot(t)
	m.writePolicy(t, shortIntervals)
	m.run(t, "mkdir", "-p", "/run/systemd/system/"+unit+".d")
	m.run(t, "sh", "-ec", `printf '[Service]\nFileDescriptorStoreMax=0\n' >"$1"; systemctl daemon-reload`, "sh", "/run/systemd/system/"+unit+".d/test.conf")
	m.run(t, "systemctl", "start", unit)
	var held bpfObjects
	held.add(t, m)
	m.run(t, "systemctl", "restart", unit)
	held.areFreed(t, bpfObjects{})
	starts := 0
	for _, e := range m.entries(t) {
		if e.Change == "resumed" {
			t.Errorf("without a store it has %s", e.line)
		}
		if e.Change == "started" {
			starts++
		}
	}
	if starts != 2 {
		t.Errorf("started %d times; want 2", starts)
	}
}

// mapExists asks the kernel whether a map is still there; a link lives no longer than
// the file that holds it, and a program no longer than its links.
func mapExists(id ebpf.MapID) bool {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return false
	}
	m.Close()
	return true
}
