package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chatty ends an interval each second and writes a row for each call: something to
// write at any time.
const chatty = `
[collect]
mode = "account"
interval = "1s"
group_by = "process"
top = 100
`

// held is what the service must not have more of after its neighbours' troubles.
type held struct {
	files    int
	rss      int64 // KiB
	programs int
}

func (m *machine) held(t *testing.T) held {
	t.Helper()
	files, err := os.ReadDir(m.path(filepath.Join("/proc", m.property(t, "MainPID"), "fd")))
	if err != nil {
		t.Fatal(err)
	}
	return held{len(files), m.rssKiB(t), len(m.programs(t))}
}

// rssGrowth is what the heap may grow by: the queue for the journal, and the collector's
// slack. A leak of many rounds is larger.
const rssGrowth = 16 * 1024

// noLeak compares with what was held before. The bus or the journal may be connected
// to now where it was not.
func (m *machine) noLeak(t *testing.T, before held) {
	t.Helper()
	eventually(t, "the service holds no more files and programs than before", func() bool {
		after := m.held(t)
		return after.files <= before.files && after.programs == before.programs
	})
	if after := m.held(t); after.rss > before.rss+rssGrowth {
		t.Errorf("RSS is %d KiB, before %d", after.rss, before.rss)
	}
}

func TestTheBusComesAndGoes(t *testing.T) {
	m := bootRunning(t, byProcess)
	pid := m.property(t, "MainPID")
	target := m.waiting(t, "count", "-until-term")
	m.call(t, "FilterPID", "u", strconv.Itoa(target.PID))
	target.release(t)
	before := m.held(t)
	for range repeats(t) {
		m.restart(t, "dbus.service")
		eventually(t, "the service is on the bus again", func() bool {
			return m.try("busctl", "--auto-start=no", "status", busName).code == 0
		})
	}
	if got := m.busProperty(t, "Filter"); !strings.Contains(got, fmt.Sprintf(`"pids" au 1 %d`, target.PID)) {
		t.Errorf("the filter is %s", got)
	}
	if got := m.property(t, "MainPID"); got != pid {
		t.Errorf("the service was restarted: pid %s, before %s", got, pid)
	}
	m.noLeak(t, before)
	m.stopped(t, endless{target, m}, nil, nil)
}

// restart restarts a service that systemd would refuse to start too often.
func (m *machine) restart(t *testing.T, service string) {
	t.Helper()
	m.run(t, "systemctl", "reset-failed", service) // begins counting starts anew
	m.run(t, "systemctl", "restart", service)
}

func TestANameThatIsTakenEndsTheStart(t *testing.T) {
	m := boot(t)
	// Somebody who may own it holds the name.
	owner := m.start(t, "python3", "-c", `
import dbus, sys
bus = dbus.SystemBus()
print(bus.request_name("`+busName+`"), flush=True)
sys.stdin.read()`)
	if got := owner.line(t); got != "1" { // DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER
		t.Fatalf("the name was not to be had: %s", got)
	}
	r := m.try("syscountd", "--output", "stdout")
	if r.code != 75 || !strings.Contains(r.stderr, "bus name "+busName+" is owned by ") { // EX_TEMPFAIL of sysexits.h
		t.Errorf("exit status %d, %s", r.code, r.stderr)
	}
	owner.release(t)
	owner.wait(t)
}

func TestTheJournalIsRestarted(t *testing.T) {
	m := bootRunning(t, chatty)
	load := m.endless(t)
	before := m.held(t)
	for range repeats(t) {
		m.restart(t, "systemd-journald.service")
		m.awaitNew(t, "interval record after a restart")
	}
	m.noLeak(t, before)
	m.undisturbed(t, load)
}

// undisturbed ends the load, and wants nothing of what the kernel side saw to be lost
// meanwhile, whatever became of the records.
func (m *machine) undisturbed(t *testing.T, load endless) {
	t.Helper()
	if calls := load.calls(t); calls < 1000 {
		t.Errorf("the load made %d calls: nothing was tested", calls)
	}
	now := m.counters(t)
	for _, name := range []string{"ring_full", "overwritten", "rows_failed", "rows_overflowed", "storage_failed", "negative", "recursion_misses"} {
		if n, known := now[name]; n != 0 || !known {
			t.Errorf("%s is %d, known: %v; want 0", name, n, known)
		}
	}
}

// hangVariable says for how long the journal hangs; the default is until something is lost.
const hangVariable = "SYSCOUNT_HANG"

// A journal that hangs: the service goes on, loses what finds no room, counts it, says
// so when it can again, and answers meanwhile.
func TestAJournalThatHangsBlocksNothing(t *testing.T) {
	var hang time.Duration
	if text := os.Getenv(hangVariable); text != "" {
		var err error
		if hang, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", hangVariable, err)
		}
	}
	m := bootRunning(t, chatty)
	load := m.endless(t)
	before := m.held(t)
	journald := m.servicePID(t, "systemd-journald.service")
	if err := syscall.Kill(journald, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume := func() { _ = syscall.Kill(journald, syscall.SIGCONT) }
	defer resume()
	hung := time.Now()
	eventually(t, "records are dropped", func() bool {
		m.flushes(t)
		return m.dropped(t) > 0
	})
	for time.Since(hung) < hang {
		time.Sleep(time.Second)
		m.flushes(t)
	}
	t.Logf("%d records were lost in %v", m.dropped(t), time.Since(hung))
	resume()
	m.awaitAnnouncement(t)
	m.awaitNew(t, "record after the silence")
	m.noLeak(t, before)
	m.undisturbed(t, load)
}

// flushes wants a Flush to be answered soon, whatever the journal does.
func (m *machine) flushes(t *testing.T) {
	t.Helper()
	began := time.Now()
	m.call(t, "Flush")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Flush took %v", took)
	}
}

// A full disk is journald's trouble: the service sends, and goes on.
func TestAFullDiskUnderTheJournalBlocksNothing(t *testing.T) {
	m := bootRunning(t, chatty)
	m.run(t, "mkdir", "-p", "/var/log/journal")
	m.run(t, "mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", "/var/log/journal")
	m.run(t, "systemctl", "restart", "systemd-journald.service")
	m.run(t, "journalctl", "--flush")
	load := m.endless(t)
	before := m.held(t)
	m.try("dd", "if=/dev/zero", "of=/var/log/journal/filler", "bs=64k") // fails when it is full
	for range 5 {
		m.flushes(t)
	}
	if state := m.property(t, "SubState"); state != "running" {
		t.Errorf("the service is %s", state)
	}
	m.run(t, "rm", "/var/log/journal/filler")
	m.run(t, "systemctl", "restart", "systemd-journald.service") // it looks for room then at the latest
	m.awaitNew(t, "record after there is room")
	m.noLeak(t, before)
	m.undisturbed(t, load)
}

// awaitNew waits for a record of an interval that ends from now on.
func (m *machine) awaitNew(t *testing.T, what string) {
	t.Helper()
	since := fmt.Sprintf("@%d", time.Now().Unix()+1)
	eventually(t, what, func() bool {
		r := m.try("journalctl", "--no-pager", "--output=cat", "--since="+since, "SYSCOUNT_EVENT=interval", "--lines=1")
		return r.code == 0 && strings.Contains(r.stdout, `"event":"interval"`)
	})
}

// awaitAnnouncement waits for the record that says how many were lost.
func (m *machine) awaitAnnouncement(t *testing.T) {
	t.Helper()
	eventually(t, "the loss is announced", func() bool {
		r := m.try("journalctl", "--no-pager", "--output=cat", "SYSCOUNT_EVENT=state", "--lines=20")
		return strings.Contains(r.stdout, `"change":"drops"`) && strings.Contains(r.stdout, "since the start")
	})
}

// counters are those of the bus.
func (m *machine) counters(t *testing.T) map[string]uint64 {
	t.Helper()
	fields := strings.Fields(m.busProperty(t, "Counters"))
	counters := map[string]uint64{}
	for i := 2; i+1 < len(fields); i += 2 { // behind the type and the number of entries
		n, err := strconv.ParseUint(fields[i+1], 10, 64)
		if err != nil {
			t.Fatalf("counter %s: %v", fields[i], err)
		}
		counters[strings.Trim(fields[i], `"`)] = n
	}
	return counters
}

// dropped is how many records the journal did not take.
func (m *machine) dropped(t *testing.T) (sum uint64) {
	t.Helper()
	for name, n := range m.counters(t) {
		if strings.HasPrefix(name, "output_dropped_") {
			sum += n
		}
	}
	return sum
}

// servicePID is the PID, on the host, of the main process of a service of the machine.
func (m *machine) servicePID(t *testing.T, service string) int {
	t.Helper()
	inside := m.run(t, "systemctl", "show", "--value", "--property=MainPID", service)
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	init, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.leader))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range statuses {
		dir := filepath.Dir(file)
		if ns, err := os.Readlink(filepath.Join(dir, "ns/pid")); err != nil || ns != init {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue // gone since
		}
		for line := range strings.Lines(string(text)) {
			if pids, found := strings.CutPrefix(line, "NSpid:"); found && strings.HasSuffix(strings.TrimSpace(pids), "\t"+inside) {
				var pid int
				if _, err := fmt.Sscan(filepath.Base(dir), &pid); err != nil {
					t.Fatal(err)
				}
				return pid
			}
		}
	}
	t.Fatalf("%s, pid %s of the machine, is not found on the host", service, inside)
	return 0
}
