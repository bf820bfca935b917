package dbusapi

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/syscountd/syscountd/agent"
)

// busctlArgs are right calls in busctl's notation.
var busctlArgs = map[string][]string{
	"FilterPID":      {"u", "812"},
	"FilterUnit":     {"s", "nginx.service"},
	"SetFilter":      {"a{sv}", "2", "pids", "au", "1", "812", "syscalls", "as", "2", "read", "@sync"},
	"FilterSyscalls": {"as", "1", "@sync"},
	"SetMode":        {"s", "count"},
	"SetThreshold":   {"st", "fsync", "20000"},
	"Summary":        {"u", "5"},
	"SlowCalls":      {"u", "1"},
}

// busctlFunc runs busctl and gives what it printed on both outputs.
type busctlFunc func(args ...string) (string, error)

// busctl runs as the user of the test.
func busctl(t *testing.T, r *rig) busctlFunc { return busctlWith(t, r, nil) }

// callerAs runs busctl as nobody where the test may; see anotherUser.
func callerAs(t *testing.T, r *rig) busctlFunc {
	if os.Getuid() != 0 {
		return busctl(t, r)
	}
	return busctlWith(t, r, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
}

func busctlWith(t *testing.T, r *rig, attr *syscall.SysProcAttr) busctlFunc {
	return func(args ...string) (string, error) {
		t.Helper()
		cmd := exec.Command("busctl", append([]string{"--address=" + r.bus.Address, "--no-pager"}, args...)...)
		cmd.Dir, cmd.SysProcAttr = "/", attr
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// manager is a busctl command line about the Manager interface. After -- numbers
// may be negative.
func manager(verb string, args ...string) []string {
	return append([]string{"--", verb, BusName, string(ObjectPath), Interface}, args...)
}

func TestBusctlCallsEveryMethod(t *testing.T) {
	r := newRig(t)
	r.agent.SetRows(agent.Row{Group: "a.service", ABI: "x86_64", Syscall: "read", Count: 1, Errors: 2, TotalNs: 3, MaxNs: 4, P99Ns: 5})
	r.agent.SetSlow(`{"seq":2}`, `{"seq":1}`)
	r.agent.SetStuck(`{"msg":"a \\n"}`)
	run := busctl(t, r)
	want := map[string]string{
		"Summary":    "a(sssttttt) 1 \"a.service\" \"x86_64\" \"read\" 1 2 3 4 5\n",
		"SlowCalls":  `as 1 "{\"seq\":2}"` + "\n",
		"StuckCalls": `as 1 "{\"msg\":\"a \\\\n\"}"` + "\n",
	}
	for _, m := range contract(t)[Interface].Methods {
		if m.Name == methodPIDFD {
			continue // busctl cannot pass a descriptor; TestADescriptorReachesTheAgentAndIsClosed does
		}
		out, err := run(manager("call", append([]string{m.Name}, busctlArgs[m.Name]...)...)...)
		if err != nil || out != want[m.Name] {
			t.Errorf("%s: %v: %q, want %q", m.Name, err, out, want[m.Name])
		}
	}
}

// The mistakes that a person makes at the keyboard.
func TestBusctlShowsTheSentenceOfARefusal(t *testing.T) {
	r := newRig(t)
	run := busctl(t, r)
	for _, c := range []struct{ args, want string }{
		{"FilterPID u 0", "pid 0 is no process; give a PID from 1 to 4194304"},
		{"FilterPID i -5", `FilterPID: expected signature "u" (pid), got "i"`},
		{"FilterPID s x", `FilterPID: expected signature "u" (pid), got "s"`},
		{"FilterPID", `FilterPID: expected signature "u" (pid), got ""`},
		{"FilterUnit u 65", `FilterUnit: expected signature "s" (unit), got "u"`},
		{"SetThreshold ss fsync 20ms", `expected signature "st" (syscall, usec), got "ss"`},
		{"SetFilter a{sv} 1 pid u 5", `filter has no key "pid"; give pids, units, cgroups, uids, comms, exclude_units, exclude_comms, syscalls, failed, errnos, children or on_exit`},
		{"Start s now", `Start takes no arguments, got signature "s"`},
	} {
		out, err := run(manager("call", strings.Fields(c.args)...)...)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v: %s", c.args, err, out)
		}
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %v", asked)
	}
}

func TestBusctlReadsPropertiesAndFindsTheObject(t *testing.T) {
	r := newRig(t)
	r.agent.SetStatus(fullStatus())
	run := busctl(t, r)
	for name, want := range map[string]string{
		"State": `s "running"`, "Interval": "t 60000000", "PolicyFiles": `as 1 "/etc/syscountd/syscountd.toml"`,
	} {
		if out, err := run(manager("get-property", name)...); err != nil || out != want+"\n" {
			t.Errorf("get-property %s: %v: %s", name, err, out)
		}
	}
	if out, err := run("tree", BusName); err != nil || !strings.Contains(out, string(ObjectPath)) {
		t.Errorf("tree: %v: %s", err, out)
	}
	out, err := run("introspect", BusName, string(ObjectPath))
	if err != nil {
		t.Errorf("introspect: %v: %s", err, out)
	}
	for _, line := range []string{".FilterPID method u -", ".Summary method u a(sssttttt)", ".SlowCalls method u as", ".StuckCalls method - as", ".State property s \"running\" emits-change",
		".Version property s \"1.2.3\" const", ".PropertiesChanged signal sa{sv}as -"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), line) {
			t.Errorf("introspect does not show %q:\n%s", line, out)
		}
	}
	if out, err := run(manager("set-property", "State", "s", "x")...); err == nil || !strings.Contains(out, "is read-only") {
		t.Errorf("set-property: %v: %s", err, out)
	}
}
