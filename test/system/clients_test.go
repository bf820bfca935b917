package system

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// python is a client as somebody would write it, with python3-dbus.
const python = `
import dbus, os, sys
from dbus.types import UnixFd

bus = dbus.SystemBus()
obj = bus.get_object("io.github.syscountd1", "/io/github/syscountd1")
manager = dbus.Interface(obj, "io.github.syscountd1.Manager")
props = dbus.Interface(obj, "org.freedesktop.DBus.Properties")
get = lambda name: props.Get("io.github.syscountd1.Manager", name)
pid = int(sys.argv[1])

fd = os.pidfd_open(pid)
manager.FilterPIDFD(UnixFd(fd))
os.close(fd)
assert list(get("Filter")["pids"]) == [pid], get("Filter")
manager.FilterSyscalls(["getppid"])
assert get("Filter")["syscalls"] == ["getppid"] and list(get("Filter")["pids"]) == [pid], get("Filter")
manager.SetFilter({"pids": dbus.Array([pid], "u"), "on_exit": "stop"})
assert get("Filter")["on_exit"] == "stop", get("Filter")
manager.SetMode("count")
assert get("Mode") == "count"
manager.SetThreshold("fsync", dbus.UInt64(20000))
assert dict(get("Thresholds")) == {"fsync": 20000}, get("Thresholds")
manager.ResetThresholds()
assert not get("Thresholds")
manager.Reload()
assert get("Mode") == "account"
assert get("OwnCPU")["process_ns"] > 0 and "lock_owner" in get("KernelFeatures")
assert isinstance(manager.Summary(5), list) and manager.SlowCalls(0) == [] and manager.StuckCalls() == []
everything = props.GetAll("io.github.syscountd1.Manager")
assert everything["State"] == "running", everything

def refused(name, call, *args):
    try:
        call(*args)
    except dbus.DBusException as e:
        assert e.get_dbus_name() == name and len(str(e).split()) > 3, (name, e)
    else:
        raise AssertionError("%s was not refused" % (args,))

invalid = "org.freedesktop.DBus.Error.InvalidArgs"
refused(invalid, manager.SetMode, "turbo")
refused(invalid, manager.FilterSyscalls, ["fdatasink"])
refused(invalid, manager.SetFilter, {"pid": dbus.Array([pid], "u")})
refused(invalid, manager.SetFilter, {"pids": dbus.Array([pid], "u"), "on_exit": "explode"})
refused(invalid, manager.FilterPIDFD, UnixFd(0))
refused("org.freedesktop.DBus.Error.PropertyReadOnly", props.Set, "io.github.syscountd1.Manager", "State", "stopped")
print("done")
`

func TestClientsOfManyKinds(t *testing.T) {
	m := bootRunning(t, byProcess)
	target := m.waiting(t, "count")
	pid := strconv.Itoa(target.PID)

	t.Run("python", func(t *testing.T) {
		if got := m.run(t, "python3", "-c", python, pid); got != "done" {
			t.Errorf("it says %s", got)
		}
	})
	t.Run("gdbus", func(t *testing.T) {
		xml := m.run(t, "gdbus", "introspect", "--system", "--dest", busName, "--object-path", objectPath)
		for _, want := range []string{"FilterPIDFD(in  h pidfd)", "SetFilter(in  a{sv} filter)", "Summary(in  u top,", "readonly s State = 'running'", "EmitsChangedSignal(\"true\")"} {
			if !strings.Contains(xml, want) {
				t.Errorf("gdbus introspect does not show %q:\n%s", want, xml)
			}
		}
		call := []string{"gdbus", "call", "--system", "--dest", busName, "--object-path", objectPath, "--method"}
		if got := m.run(t, append(call, manager+".SetFilter", "{'pids': <[uint32 "+pid+"]>}")...); got != "()" {
			t.Errorf("SetFilter: %s", got)
		}
		if r := m.try(append(call, manager+".SetMode", "turbo")...); r.code == 0 || !strings.Contains(r.stderr, "InvalidArgs: mode \"turbo\" is unknown") {
			t.Errorf("SetMode turbo: %+v", r)
		}
	})
	t.Run("busctl", func(t *testing.T) {
		if got := m.run(t, "busctl", "tree", busName); !strings.Contains(got, objectPath) || !strings.Contains(got, "/org/freedesktop/LogControl1") {
			t.Errorf("tree: %s", got)
		}
		if got := m.run(t, "busctl", "introspect", busName, objectPath); !strings.Contains(got, "FilterPIDFD") {
			t.Errorf("introspect: %s", got)
		}
		m.monitorSeesPublicChangesOnly(t)
	})
	t.Run("systemctl service-log-level", func(t *testing.T) {
		if got := m.run(t, "systemctl", "service-log-level", unit); got != "info" {
			t.Errorf("the level is %s", got)
		}
		m.run(t, "systemctl", "service-log-level", unit, "warning")
		if got := m.run(t, "systemctl", "service-log-level", unit) + m.run(t, "systemctl", "service-log-target", unit); got != "warningjournal" {
			t.Errorf("level and target are %s", got)
		}
		if r := m.try("systemctl", "service-log-level", unit, "loud"); r.code == 0 {
			t.Error("a level of that name was accepted")
		}
	})
}

// monitorSeesPublicChangesOnly changes all that can be changed, and holds the signals
// against the three properties that are told to everybody.
func (m *machine) monitorSeesPublicChangesOnly(t *testing.T) {
	t.Helper()
	monitor := m.start(t, "busctl", "monitor", "--json=short", "--match=type='signal',sender='"+busName+"'")
	monitor.lines.Buffer(nil, 1<<20)
	seen := make(chan map[string]json.RawMessage, 100)
	go func() {
		defer close(seen)
		for monitor.lines.Scan() {
			var signal struct {
				Member  string
				Payload struct{ Data []json.RawMessage }
			}
			if json.Unmarshal(monitor.lines.Bytes(), &signal) != nil || signal.Member != "PropertiesChanged" || len(signal.Payload.Data) != 3 {
				continue
			}
			var changed map[string]json.RawMessage
			if json.Unmarshal(signal.Payload.Data[1], &changed) == nil {
				seen <- changed
			}
		}
	}()
	// It does not say when it listens: the first change that it shows does.
	n := 0
	next := func() (map[string]json.RawMessage, bool) {
		select {
		case changed, ok := <-seen:
			return changed, ok
		default:
			return nil, false
		}
	}
	eventually(t, "a signal comes", func() bool {
		n++
		m.call(t, "FilterUnit", "s", fmt.Sprintf("u%d.service", n))
		_, came := next()
		return came
	})
	m.call(t, "SetThreshold", "st", "fsync", "1234")
	m.call(t, "SetMode", "s", "count")
	m.call(t, "Stop")
	m.call(t, "Start")
	m.call(t, "ClearFilter")
	m.call(t, "Reload")
	for stopped := false; !stopped; {
		changed, ok := <-seen
		if !ok {
			t.Fatal("the monitor ended")
		}
		for name, value := range changed {
			if name != "State" && name != "Mode" && name != "Filter" {
				t.Errorf("%s is told to everybody: %s", name, value)
			}
			stopped = stopped || name == "State" && strings.Contains(string(value), "stopped")
		}
	}
}
