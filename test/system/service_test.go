package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

// What a start and a stop, with its last summary, have to be done within.
const (
	startLimit = time.Second
	stopLimit  = 2 * time.Second
)

func TestEnableNowStartsWithinASecond(t *testing.T) {
	m := boot(t)
	if state := m.try("systemctl", "is-enabled", unit); strings.TrimSpace(state.stdout) != "disabled" {
		t.Errorf("a fresh install is %q, not disabled", state.stdout)
	}
	m.run(t, "systemctl", "enable", "--now", unit)

	if got := m.property(t, "ActiveState") + " " + m.property(t, "SubState"); got != "active running" {
		t.Errorf("the service is %s", got)
	}
	took := time.Duration(m.number(t, "ActiveEnterTimestampMonotonic")-m.number(t, "InactiveExitTimestampMonotonic")) * time.Microsecond
	if took >= startLimit {
		t.Errorf("the start took %v", took)
	}
	t.Logf("active after %v", took)
	if status := m.property(t, "StatusText"); len(strings.Fields(status)) < 3 {
		t.Errorf("STATUS= is not a sentence: %q", status)
	} else {
		t.Logf("STATUS: %s", status)
	}
	started := m.await(t, "started record", func(e entry) bool { return e.Event == "state" && e.Change == "started" })
	if id := started.fields["SYSLOG_IDENTIFIER"]; id != "syscountd" {
		t.Errorf("identifier %v", id)
	}
}

func TestStopFlushesAndDetaches(t *testing.T) {
	m := bootRunning(t, "")
	programs := m.programs(t)
	if len(programs) == 0 {
		t.Fatal("the running service has no BPF program")
	}
	for _, id := range programs {
		if !loaded(t, id) {
			t.Fatalf("program %d of the running service is not loaded", id)
		}
	}

	stopped := time.Now()
	m.run(t, "systemctl", "stop", unit)
	if took := time.Since(stopped); took > stopLimit {
		t.Errorf("the stop took %v; the limit is %v", took, stopLimit)
	}
	if got := m.property(t, "ActiveState") + " " + m.property(t, "Result"); got != "inactive success" {
		t.Errorf("after the stop the service is %s", got)
	}
	var finals, ends int
	for _, e := range m.entries(t) {
		if e.Event == "summary" && e.Final && e.Count > 0 {
			finals++
		}
		if e.Event == "state" && e.Change == "stopped" {
			ends++
		}
	}
	if finals == 0 || ends != 1 {
		t.Errorf("%d final summary records and %d stopped records in the journal", finals, ends)
	}
	// The kernel frees programs a little after their last user is gone, and
	// tells nobody when it has.
	eventually(t, "the programs are unloaded", func() bool {
		for _, id := range programs {
			if loaded(t, id) {
				return false
			}
		}
		return true
	})
}

func TestOnlyAnEnabledServiceIsStartedByAMessage(t *testing.T) {
	m := boot(t)
	get := []string{"busctl", "get-property", busName, objectPath, manager, "State"}
	if r := m.try(get...); r.code == 0 {
		t.Errorf("a disabled service was started by a message: %s", r.stdout)
	}
	m.run(t, "systemctl", "enable", unit)
	if got := m.run(t, get...); got != `s "running"` {
		t.Errorf("State is %s", got)
	}
}

func TestACrashOrAHangIsFollowedByANewStart(t *testing.T) {
	m := boot(t)
	// Two seconds instead of thirty, so that the test need not wait so long.
	m.run(t, "mkdir", "-p", "/run/systemd/system/"+unit+".d")
	m.run(t, "sh", "-ec", `printf '[Service]\nWatchdogSec=2s\n' >"$1"; systemctl daemon-reload`, "sh", "/run/systemd/system/"+unit+".d/test.conf")
	m.run(t, "systemctl", "start", unit)

	first := m.number(t, "WatchdogTimestampMonotonic")
	eventually(t, "the watchdog is fed", func() bool { return m.number(t, "WatchdogTimestampMonotonic") > first })
	for _, signal := range []string{"KILL", "STOP"} {
		before := m.number(t, "MainPID")
		m.run(t, "systemctl", "kill", "--signal="+signal, unit)
		eventually(t, "another process of the service runs after "+signal, func() bool {
			now := m.number(t, "MainPID")
			return now != 0 && now != before && m.property(t, "SubState") == "running"
		})
	}
}

// programs gives the ids of the BPF programs that the service holds, itself or
// through links.
func (m *machine) programs(t *testing.T) (ids []ebpf.ProgramID) {
	t.Helper()
	for _, id := range m.bpfIDs(t, "prog_id:") {
		ids = append(ids, ebpf.ProgramID(id))
	}
	return ids
}

// maps gives the ids of the BPF maps that the service holds.
func (m *machine) maps(t *testing.T) (ids []ebpf.MapID) {
	t.Helper()
	for _, id := range m.bpfIDs(t, "map_id:") {
		ids = append(ids, ebpf.MapID(id))
	}
	return ids
}

// bpfIDs are the numbers after a key in what the kernel says of the service's files.
func (m *machine) bpfIDs(t *testing.T, key string) []uint32 {
	t.Helper()
	dir := m.path(filepath.Join("/proc", m.property(t, "MainPID"), "fdinfo"))
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ids []uint32
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			continue // closed since
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, key); ok {
				id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
				if err != nil {
					t.Fatalf("fdinfo %q: %v", line, err)
				}
				ids = append(ids, uint32(id))
			}
		}
	}
	return ids
}

// loaded asks the kernel whether a program is still there.
func loaded(t *testing.T, id ebpf.ProgramID) bool {
	t.Helper()
	program, err := ebpf.NewProgramFromID(id)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(fmt.Errorf("look for program %d: %w", id, err))
	}
	program.Close()
	return true
}

// eventually asks again and again, for what nobody notifies us of.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(journalTimeout)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("not true after %v: %s", journalTimeout, what)
		}
	}
}
