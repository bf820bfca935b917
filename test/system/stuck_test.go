package system

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// hang is how long the file system takes for a read that is stuck meanwhile: long
// enough to look at it while it is.
const hang = 6 * time.Second

// Reads of files alone: the file system's own server waits in a read of /dev/fuse.
const stuckReads = slowReads + `fd = ["file"]
[stuck]
after = "1s"
sweep = "100ms"
`

// hangRead makes a read that hangs, and gives the record that says so.
func (m *machine) hangRead(t *testing.T) (victim *process, stuck entry) {
	t.Helper()
	m.run(t, "mkdir", "/srv/slow")
	disk := m.start(t, "fusedelay", "-mount", "/srv/slow", "-delay", hang.String(), "-ops", "read")
	if line := disk.line(t); line != "ready" {
		t.Fatalf("fusedelay said %q", line)
	}
	victim = m.start(t, "systemd-run", "--quiet", "--pipe", "--wait", "--unit=victim",
		"/usr/local/bin/workload", "slow", "-linger", "-op", "read", "-path", "/srv/slow/slow")
	return victim, m.await(t, "stuck record", func(e entry) bool { return e.Event == "stuck" && e.Process.Comm == "workload" })
}

// The kernel side goes on with a call while no process of the service is there.
func TestACallThatSpansAKillHasOneRecord(t *testing.T) {
	m := bootRunning(t, stuckReads)
	victim, stuck := m.hangRead(t)
	m.kill(t)
	var call slowCall
	victim.decode(t, &call)
	slow := m.await(t, "slow record", func(e entry) bool { return e.Event == "slow" && e.Process.PID == call.PID })
	victim.release(t)
	victim.wait(t)
	if slow.Monotonic.StartNs != stuck.Monotonic.StartNs || slow.DurationNs < uint64(hang) || slow.Monotonic.EndNs > call.AfterNs {
		t.Errorf("%s; was stuck since %d, and returned by %d", slow.line, stuck.Monotonic.StartNs, call.AfterNs)
	}
	m.run(t, "systemctl", "stop", unit)
	told := slices.DeleteFunc(m.entries(t), func(e entry) bool { return e.Event != "slow" || e.Process.PID != call.PID })
	if len(told) != 1 {
		t.Errorf("%d records of one call: %+v", len(told), told)
	}
}

func TestAReadThatDoesNotReturnIsToldWhileItLasts(t *testing.T) {
	m := bootRunning(t, stuckReads)
	if got := m.records(t, "StuckCalls"); len(got) != 0 {
		t.Errorf("stuck on an idle host: %q", got)
	}
	victim, stuck := m.hangRead(t)

	now := m.records(t, "StuckCalls")
	if len(now) != 1 {
		t.Fatalf("StuckCalls: %q", now)
	}
	var told record
	if err := json.Unmarshal([]byte(now[0]), &told); err != nil {
		t.Fatal(err)
	}
	if told.Process != stuck.Process || told.Monotonic.StartNs != stuck.Monotonic.StartNs || told.AgeNs < stuck.AgeNs ||
		told.Systemd.Unit != "victim.service" || !strings.Contains(told.Msg, "has not returned for") {
		t.Errorf("StuckCalls tells %s of the call of %s", now[0], stuck.line)
	}
	if got := m.run(t, "syscountctl", "stuck"); !strings.Contains(got, "read by workload") {
		t.Errorf("syscountctl stuck shows\n%s", got)
	}
	eventually(t, "status counts it", func() bool {
		return strings.Contains(m.run(t, "syscountctl", "status"), "Stuck: 1 not returned")
	})

	var call slowCall
	victim.decode(t, &call)
	slow := m.await(t, "slow record", func(e entry) bool { return e.Event == "slow" && e.Process.PID == call.PID })
	victim.release(t)
	victim.wait(t)
	if !slow.WasStuck || slow.Monotonic.StartNs != stuck.Monotonic.StartNs || slow.DurationNs < uint64(hang) {
		t.Errorf("%s does not close %s", slow.line, stuck.line)
	}
	if got := m.records(t, "StuckCalls"); len(got) != 0 {
		t.Errorf("stuck after its return: %q", got)
	}
	eventually(t, "nothing is stuck", func() bool { return m.run(t, "syscountctl", "stuck") == "No call is stuck." })
}
