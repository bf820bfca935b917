package system

import (
	"os"
	"strings"
	"testing"
)

// changes are calls that change something, as dbus-send takes them, which knows no
// a{sv}; reads are those
// that tell what processes do.
var (
	changes = [][]string{
		{"Start"}, {"Stop"}, {"FilterPID", "uint32:1"}, {"FilterUnit", "string:dbus.service"}, {"FilterSyscalls", "array:string:read"},
		{"ClearFilter"}, {"SetMode", "string:count"}, {"SetThreshold", "string:read", "uint64:5"},
		{"ResetThresholds"}, {"Reload"}, {"Flush"},
	}
	reads = [][]string{{"Summary", "uint32:1"}, {"SlowCalls", "uint32:1"}, {"StuckCalls"}}
)

// polkitRule lets the group oncall do everything, but for one target.
const polkitRule = `polkit.addRule(function(action, subject) {
	if (action.id.indexOf("io.github.syscountd1.") != 0 || !subject.isInGroup("oncall"))
		return polkit.Result.NOT_HANDLED;
	if (action.lookup("target") == "unit secret.service")
		return polkit.Result.NO;
	return polkit.Result.YES;
});
`

// as runs a command as a user of the machine.
func (m *machine) as(user string, args ...string) result {
	return m.try(append([]string{"setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups", "--"}, args...)...)
}

// send is a call by hand whose error has a name in the output.
func send(call ...string) []string {
	return append([]string{"dbus-send", "--system", "--print-reply", "--dest=" + busName, objectPath, manager + "." + call[0]}, call[1:]...)
}

func TestPolkitSaysWhatOthersMayDo(t *testing.T) {
	m := bootRunning(t, byProcess)
	m.run(t, "groupadd", "oncall")
	m.run(t, "useradd", "--user-group", "--groups=oncall", "anna")
	m.run(t, "useradd", "--user-group", "bert")
	if err := os.WriteFile(m.path("/etc/polkit-1/rules.d/10-oncall.rules"), []byte(polkitRule), 0o644); err != nil {
		t.Fatal(err)
	}
	m.run(t, "systemctl", "restart", "polkit.service")
	before := m.busProperty(t, "Filter") + m.busProperty(t, "State") + m.busProperty(t, "Mode") + m.busProperty(t, "Thresholds")

	t.Run("nobody else may change or read details", func(t *testing.T) {
		for _, call := range append(append([][]string{}, changes...), reads...) {
			r := m.as("bert", send(call...)...)
			if r.code == 0 || !strings.Contains(r.stderr, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired: "+call[0]+" needs a password") {
				t.Errorf("%q: exit status %d, %s", call, r.code, r.stderr)
			}
		}
		if r := m.as("bert", busctl("SetFilter", "a{sv}", "0")...); r.code == 0 || !strings.Contains(r.stderr, "needs a password") {
			t.Errorf("SetFilter: exit status %d, %s", r.code, r.stderr)
		}
		if r := m.as("bert", "busctl", "set-property", busName, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel", "s", "debug"); r.code == 0 {
			t.Error("bert has set the level of the log")
		}
		if r := m.as("bert", "busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
			"RequestName", "su", busName, "0"); r.code == 0 {
			t.Error("bert may own the name")
		}
		if r := m.as("bert", "syscountctl", "flush"); r.code != 4 || !strings.Contains(r.stderr, "Try: sudo syscountctl flush") {
			t.Errorf("syscountctl: %+v", r)
		}
		if after := m.busProperty(t, "Filter") + m.busProperty(t, "State") + m.busProperty(t, "Mode") + m.busProperty(t, "Thresholds"); after != before {
			t.Errorf("something has changed: %s, before %s", after, before)
		}
	})
	t.Run("everybody may look", func(t *testing.T) {
		for _, look := range [][]string{
			{"busctl", "get-property", busName, objectPath, manager, "State"},
			{"busctl", "introspect", busName, objectPath},
			{"busctl", "call", busName, objectPath, "org.freedesktop.DBus.Peer", "Ping"},
			{"syscountctl", "status"},
		} {
			if r := m.as("bert", look...); r.code != 0 {
				t.Errorf("bert: %q: %s", look, r.stderr)
			}
		}
	})
	t.Run("the group may, by its rule", func(t *testing.T) {
		for _, call := range append(append([][]string{}, changes...), reads...) {
			if r := m.as("anna", send(call...)...); r.code != 0 {
				t.Errorf("%q: exit status %d, %s", call, r.code, r.stderr)
			}
		}
		if r := m.as("anna", send("FilterUnit", "string:secret.service")...); r.code == 0 || !strings.Contains(r.stderr, "AccessDenied: FilterUnit: polkit does not allow it") {
			t.Errorf("the one target that the rule leaves out: exit status %d, %s", r.code, r.stderr)
		}
		uid := m.run(t, "id", "-u", "anna")
		changed := m.await(t, "record of anna's change", func(e entry) bool { return e.Change == "threshold" })
		if !strings.Contains(changed.line, `"caller":{"user_id":`+uid+`,"pid":`) {
			t.Errorf("the record does not name user %s: %s", uid, changed.line)
		}
	})
	t.Run("without polkit only root may", func(t *testing.T) {
		m.run(t, "systemctl", "mask", "--runtime", "--now", "polkit.service")
		r := m.as("anna", send("Flush")...)
		if r.code == 0 || !strings.Contains(r.stderr, "org.freedesktop.DBus.Error.AccessDenied: Flush") {
			t.Errorf("anna: exit status %d, %s", r.code, r.stderr)
		}
		m.call(t, "Flush")
	})
}
