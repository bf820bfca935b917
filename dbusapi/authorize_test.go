package dbusapi

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

func TestCallerIsWhatTheBusSays(t *testing.T) {
	user := func(v any) dict {
		return dict{"UnixUserID": dbus.MakeVariant(v), "ProcessID": dbus.MakeVariant(uint32(7))}
	}
	for _, c := range []struct {
		name        string
		credentials dict
		want        agent.Caller
		denied      bool
	}{
		{"root", user(uint32(0)), agent.Caller{UID: 0, PID: 7, Via: "dbus"}, false},
		{"nobody", user(uint32(65534)), agent.Caller{UID: 65534, PID: 7, Via: "dbus"}, false},
		{"a uid of another type", user("0"), agent.Caller{}, true},
		{"no uid", dict{"ProcessID": dbus.MakeVariant(uint32(7))}, agent.Caller{}, true},
		{"nothing", nil, agent.Caller{}, true},
		{"root without a pid", dict{"UnixUserID": dbus.MakeVariant(uint32(0))}, agent.Caller{Via: "dbus"}, false},
	} {
		got, err := callerOf(c.credentials, ":1.9", "Stop")
		if got != c.want || (err != nil) != c.denied {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if c.denied && (!errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), "does not know the user of :1.9")) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// anotherUser makes us someone who is neither root nor owner: by being nobody in
// busctl's place where we are root, by another owner otherwise.
func anotherUser(cfg *Config) { cfg.Owner = 4242 }

func TestEveryManagerMethodIsDeniedToOthers(t *testing.T) {
	r := newRig(t, anotherUser)
	caller := callerAs(t, r)
	for _, m := range contract(t)[Interface].Methods {
		if managerMethods()[m.Name].action == "" {
			t.Errorf("%s needs no leave", m.Name)
		}
		if m.Name == methodPIDFD {
			continue // busctl cannot pass a descriptor
		}
		out, err := caller(manager("call", append([]string{m.Name}, busctlArgs[m.Name]...)...)...)
		// busctl has a sentence of its own for this one error name.
		if err == nil || out != "Call failed: Access denied\n" {
			t.Errorf("%s: %v: %s", m.Name, err, out)
		}
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %v", asked)
	}
}

func TestOthersCanReadPropertiesAndIntrospect(t *testing.T) {
	r := newRig(t, anotherUser)
	caller := callerAs(t, r)
	if out, err := caller(manager("get-property", "Version")...); err != nil || out != "s \"1.2.3\"\n" {
		t.Errorf("get-property: %v: %s", err, out)
	}
	if out, err := caller(manager("introspect")...); err != nil || !strings.Contains(out, "FilterPID") {
		t.Errorf("introspect: %v: %s", err, out)
	}
}

func TestDenialHasTheStandardName(t *testing.T) {
	if os.Getuid() != 0 {
		r := newRig(t, anotherUser)
		if err := r.call("Start").Err; errorName(err) != standardError+"AccessDenied" {
			t.Errorf("%s: %v", errorName(err), err)
		}
		return
	}
	r := newRig(t)
	// The test's own binary, as nobody; see TestHelperStart.
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelperStart$", "-test.v")
	cmd.Env = []string{"DBUSTEST_HELPER_ADDRESS=" + r.bus.Address}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), standardError+"AccessDenied: Start is for root only, since polkit is not here; the caller is uid 65534, pid ") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestHelperStart is no test: it calls Start for TestDenialHasTheStandardName.
func TestHelperStart(t *testing.T) {
	address := os.Getenv("DBUSTEST_HELPER_ADDRESS")
	if address == "" {
		return
	}
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Object(BusName, ObjectPath).Call(Interface+".Start", 0).Err
	t.Logf("%s: %v", errorName(err), err)
}

// A sender that is gone before it can be asked about is nobody.
func TestUnknownSenderIsDenied(t *testing.T) {
	r := newRig(t)
	_, err := identify(t.Context(), &request{conn: r.conn, sender: ":1.99999"}, "Start")
	if !errors.Is(err, ErrAccessDenied) || !strings.Contains(err.Error(), "Start: cannot tell who :1.99999 is") {
		t.Errorf("%v", err)
	}
}
