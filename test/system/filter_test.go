package system

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// byProcess is a policy that counts per process, and ends an interval only when
// it is told to.
const byProcess = `
[collect]
mode = "account"
interval = "10m"
group_by = "process"
top = 1000
`

// ready is the line of a workload that waits.
type ready struct{ PID int }

func TestFilterPIDRetargetsWhileRunning(t *testing.T) {
	m := bootRunning(t, byProcess)
	target, other := m.waiting(t, "count", "-getppid", "1000"), m.waiting(t, "count", "-getppid", "2000")

	// The shell tells its pid, which becomes busctl's.
	caller := m.start(t, append([]string{"sh", "-ec", `echo $$; exec "$@"`, "sh"}, busctl("FilterPID", "u", strconv.Itoa(target.PID))...)...)
	callerPID, err := strconv.Atoi(caller.line(t))
	if err != nil {
		t.Fatal(err)
	}
	caller.wait(t)

	retargeted := m.await(t, "retargeted record", func(e entry) bool { return e.Event == "state" && e.Change == "retargeted" })
	if got := retargeted.Caller; got.UserID != 0 || got.PID != callerPID {
		t.Errorf("the record names caller %+v; it was pid %d of user 0", got, callerPID)
	}
	if got := retargeted.Filter.PIDs; !slices.Equal(got, []int{target.PID}) {
		t.Errorf("the record names targets %v; it was pid %d", got, target.PID)
	}

	from := m.flush(t)
	for _, p := range []*waiter{target, other} {
		p.release(t)
		p.wait(t)
	}
	to := m.flush(t)
	entries := m.entries(t)
	if got := total(entries, target.PID, from, to)["getppid"]; got != [2]uint64{1000, 0} {
		t.Errorf("the target's getppid: 1000 calls, reported %v", got)
	}
	for _, e := range entries {
		if e.Event == "summary" && e.Seq > from && e.Process.PID != target.PID {
			t.Errorf("somebody else was counted: %s", e.line)
		}
	}
}

func TestWrongTargetsAreRefusedByNameAndChangeNothing(t *testing.T) {
	m := bootRunning(t, byProcess)
	target := m.waiting(t, "count")
	m.call(t, "FilterPID", "u", strconv.Itoa(target.PID))
	before := m.busProperty(t, "Filter")
	if !strings.Contains(before, strconv.Itoa(target.PID)) {
		t.Fatalf("Filter does not show the target %d: %s", target.PID, before)
	}

	dead := m.run(t, "sh", "-c", "echo $$")
	for _, test := range []struct {
		name, arg string   // as dbus-send takes it
		busctl    []string // as a person types it
		wantName  string
	}{
		{"pid 0", "uint32:0", []string{"u", "0"}, "org.freedesktop.DBus.Error.InvalidArgs"},
		{"dead pid", "uint32:" + dead, []string{"u", dead}, "io.github.syscountd1.Error.NoSuchProcess"},
		{"signed", "int32:-5", []string{"--", "i", "-5"}, "org.freedesktop.DBus.Error.InvalidArgs"},
		{"text", "string:x", []string{"s", "x"}, "org.freedesktop.DBus.Error.InvalidArgs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name, sentence := m.refusal(t, "FilterPID", test.arg)
			if name != test.wantName || len(strings.Fields(sentence)) < 3 {
				t.Errorf("refused with %s: %q", name, sentence)
			}
			t.Logf("%s: %s", name, sentence)
			if r := m.try(busctl("FilterPID", test.busctl...)...); r.code == 0 || !strings.Contains(r.stderr, sentence) {
				t.Errorf("busctl: exit status %d, %q", r.code, r.stderr)
			}
			if after := m.busProperty(t, "Filter"); after != before {
				t.Errorf("Filter was %s, now it is %s", before, after)
			}
		})
	}
	for _, e := range m.entries(t) {
		if e.Change == "retargeted" && !slices.Equal(e.Filter.PIDs, []int{target.PID}) {
			t.Errorf("a refused call was recorded as a change: %s", e.line)
		}
	}
}

// By name and by error; without this unit, that one's name is nobody's.
func TestSetFilterByWhoAndResult(t *testing.T) {
	m := bootRunning(t, byProcess)
	target := m.waiting(t, "count", "-getppid", "1000", "-openat-fail", "300")
	for _, test := range []struct {
		keys []string
		want [2]uint64 // the calls of openat, and how many of them failed
	}{
		{[]string{"comms", "as", "1", "nobody", "errnos", "as", "1", "ENOENT"}, [2]uint64{}},
		{[]string{"comms", "as", "1", "workload", "exclude_comms", "as", "1", "workload"}, [2]uint64{}},
		{[]string{"comms", "as", "1", "workload", "errnos", "as", "2", "EIO", "ENOENT"}, [2]uint64{300, 300}},
	} {
		m.call(t, "SetFilter", append([]string{"a{sv}", "2"}, test.keys...)...)
		from := m.flush(t)
		if test.want[0] == 0 {
			other := m.waiting(t, "count", "-openat-fail", "100")
			other.release(t)
			other.wait(t)
		} else {
			target.release(t)
			target.wait(t)
		}
		to := m.flush(t)
		for _, e := range m.entries(t) {
			if e.Event == "summary" && e.Seq > from && e.Seq < to && (test.want[0] == 0 || e.Process.PID != target.PID || e.Syscall.Name != "openat") {
				t.Errorf("%v: counted all the same: %s", test.keys, e.line)
			}
		}
		if got := total(m.entries(t), target.PID, from, to)["openat"]; got != test.want {
			t.Errorf("%v: the target's openat: %v; want %v", test.keys, got, test.want)
		}
	}
	if shown := m.busProperty(t, "Filter"); !strings.Contains(shown, "ENOENT") || !strings.Contains(shown, "workload") {
		t.Errorf("Filter is %s", shown)
	}
}

// waiter is a workload that waits to be released.
type waiter struct {
	*process
	PID int
}

// waiting starts a workload, which waits before its first call.
func (m *machine) waiting(t *testing.T, command string, args ...string) *waiter {
	t.Helper()
	p := m.start(t, append([]string{"workload", command, "-wait"}, args...)...)
	var r ready
	p.decode(t, &r)
	return &waiter{p, r.PID}
}
