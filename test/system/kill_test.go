package system

import (
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
)

// backLimit is within what systemd has to start the service again after a crash. How
// long the start takes TestEnableNowStartsWithinASecond measures.
const backLimit = time.Second

func TestAKilledServiceIsBackAndLeavesNothingBehind(t *testing.T) {
	m := bootRunning(t, byProcess)
	load := m.waiting(t, "count", "-getppid", "1000000000") // more than the test lasts
	load.release(t)
	var left []ebpf.ProgramID
	var leftMaps []ebpf.MapID
	for range repeats(t) {
		left, leftMaps = append(left, m.programs(t)...), append(leftMaps, m.maps(t)...)
		before := m.property(t, "MainPID")
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
		t.Logf("started again after %v, ready after %v", since("ExecMainStartTimestampMonotonic"), since("ActiveEnterTimestampMonotonic"))
		if got := m.busProperty(t, "State"); got != `s "running"` {
			t.Errorf("State is %s", got)
		}
	}
	if len(left) == 0 || len(leftMaps) == 0 {
		t.Fatalf("the service had %d programs and %d maps", len(left), len(leftMaps))
	}
	// The kernel frees them a little later, and tells nobody.
	eventually(t, "programs and maps of killed services are freed", func() bool {
		return !slices.ContainsFunc(left, func(id ebpf.ProgramID) bool { return loaded(t, id) }) &&
			!slices.ContainsFunc(leftMaps, mapExists)
	})
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
