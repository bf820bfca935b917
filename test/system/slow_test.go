package system

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// delay is how long the file system takes for a read, less than which no
// correct record can say; journalLimit within what the record has to be there.
const (
	delay        = 200 * time.Millisecond
	journalLimit = time.Second
)

const slowReads = `
[[rule]]
name = "slow-reads"
syscalls = ["read"]
threshold = "100ms"
severity = "warning"
`

// slowCall is what the workload says of its one call.
type slowCall struct {
	PID, TID int
	Syscall  string
	BeforeNs uint64 `json:"before_ns"`
	AfterNs  uint64 `json:"after_ns"`
}

func TestASlowReadIsInTheJournal(t *testing.T) {
	m := bootRunning(t, slowReads)
	m.run(t, "mkdir", "/srv/slow")
	disk := m.start(t, "fusedelay", "-mount", "/srv/slow", "-delay", delay.String(), "-ops", "read")
	if line := disk.line(t); line != "ready" {
		t.Fatalf("fusedelay said %q", line)
	}
	// It stays until it is released, so that journald can look up its unit.
	victim := m.start(t, "systemd-run", "--quiet", "--pipe", "--wait", "--unit=victim",
		"/usr/local/bin/workload", "slow", "-linger", "-op", "read", "-path", "/srv/slow/slow")
	var call slowCall
	victim.decode(t, &call)
	e := m.await(t, "slow record", func(e entry) bool { return e.Event == "slow" && e.Process.PID == call.PID })
	victim.release(t)
	victim.wait(t)

	t.Run("soon", func(t *testing.T) {
		after := e.monotonic(t) - time.Duration(call.AfterNs)
		if after >= journalLimit {
			t.Errorf("it came %v after the call's return", after)
		}
		t.Logf("in the journal %v after the call's return", after)
	})
	t.Run("within the caller's bracket", func(t *testing.T) {
		if longest := call.AfterNs - call.BeforeNs; e.DurationNs > longest || e.DurationNs < uint64(delay) {
			t.Errorf("duration %d ns; the file system took %d, the caller waited %d", e.DurationNs, delay, longest)
		}
		if e.Monotonic.StartNs < call.BeforeNs || e.Monotonic.EndNs > call.AfterNs {
			t.Errorf("from %d to %d; the caller's bracket is %d to %d", e.Monotonic.StartNs, e.Monotonic.EndNs, call.BeforeNs, call.AfterNs)
		}
	})
	t.Run("says who and what", func(t *testing.T) {
		if e.Process.TID != call.TID || e.Process.Comm != "workload" || e.Systemd.Unit != "victim.service" ||
			e.Syscall.Name != "read" || e.Syscall.Ret != 1 {
			t.Errorf("the call was read by %+v of victim.service; the record is %s", call, e.line)
		}
		if e.Level != "WARN" || e.fields["PRIORITY"] != "4" {
			t.Errorf("the rule's severity is warning; the record has level %s and priority %v", e.Level, e.fields["PRIORITY"])
		}
	})
	t.Run("journalctl finds it", func(t *testing.T) {
		for _, search := range []string{
			"--unit=victim.service", "SYSCOUNT_SYSCALL=read", "SYSCOUNT_EVENT=slow", "SYSCOUNT_UNIT=victim.service",
			"SYSCOUNT_RULE=slow-reads", "SYSCOUNT_COMM=workload",
		} {
			if found := m.run(t, "journalctl", "--output=cat", "--no-pager", search); !strings.Contains(found, e.line) {
				t.Errorf("journalctl %s does not show %s; it shows\n%s", search, e.line, found)
			}
		}
	})
	t.Run("journalctl -x explains it", func(t *testing.T) {
		m.run(t, "journalctl", "--update-catalog") // what a package does when it is installed
		said := m.run(t, "journalctl", "--catalog", "--no-pager", "--unit=victim.service", "SYSCOUNT_EVENT=slow")
		for _, want := range []string{"A system call was slow: read of workload", "took longer than rule", "slow-reads of the policy", "iostat -x 1"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in\n%s", want, said)
			}
		}
	})
	t.Run("the bus has the same line", func(t *testing.T) {
		if got := m.records(t, "SlowCalls", "u", "0"); !slices.Contains(got, e.line) {
			t.Errorf("SlowCalls does not have %s; it has\n%s", e.line, strings.Join(got, "\n"))
		}
		if got := m.records(t, "SlowCalls", "u", "1"); len(got) != 1 {
			t.Errorf("of one slow call: %q", got)
		}
		if got := m.run(t, "syscountctl", "slow"); !strings.Contains(got, e.Msg) {
			t.Errorf("syscountctl slow does not show %q; it shows\n%s", e.Msg, got)
		}
	})
	t.Run("jq accepts every line", func(t *testing.T) {
		records := len(m.entries(t))
		lines := m.run(t, "sh", "-ec", "journalctl -t syscountd -o cat --no-pager | jq -e -c .")
		if got := strings.Count(lines, "\n") + 1; got < records {
			t.Errorf("jq printed %d lines of %d records", got, records)
		}
	})
}
