package dbusapi

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const python = "/usr/bin/python3" // Debian's: another one has not Debian's modules

// startDbusmock puts the polkit of python3-dbusmock, which nobody here wrote, on the bus
// of the rig. It allows nothing until allow says what.
func startDbusmock(t *testing.T, r *rig) (allow func(actions ...string)) {
	t.Helper()
	cmd := exec.Command(python, "-m", "dbusmock", "--system", "--template", "polkitd")
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+r.bus.Address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var says strings.Builder
	cmd.Stdout, cmd.Stderr = &says, &says
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: test/install-deps test installs python3-dbusmock", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for there := false; !there; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("dbusmock: %v, it says: %s; test/install-deps test installs python3-dbusmock", err, says.String())
		default:
		}
		if err := r.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, polkitName).Store(&there); err != nil {
			t.Fatal(err)
		}
	}
	return func(actions ...string) {
		t.Helper()
		if err := r.conn.Object(polkitName, polkitPath).Call("org.freedesktop.DBus.Mock.SetAllowed", 0, actions).Err; err != nil {
			t.Fatal(err)
		}
	}
}

// What polkit allows, and nothing else, is done for a caller who is neither root nor owner.
func TestDbusmocksPolkitDecides(t *testing.T) {
	r := newRig(t, anotherUser)
	allow := startDbusmock(t, r)
	caller := callerAs(t, r)
	for _, step := range []struct {
		allowed []string
		may     []string
	}{
		{nil, nil},
		{[]string{actionManage}, []string{"SetMode"}},
		{[]string{actionRead}, []string{"SlowCalls"}},
		{[]string{"org.freedesktop.systemd1.manage-units"}, nil},
		{[]string{actionManage, actionRead}, []string{"SetMode", "SlowCalls"}},
	} {
		allow(step.allowed...)
		for method, args := range map[string][]string{"SetMode": {"s", "count"}, "SlowCalls": {"u", "1"}} {
			out, err := caller(manager("call", append([]string{method}, args...)...)...)
			may := slices.Contains(step.may, method)
			if may != (err == nil) || !may && out != "Call failed: Access denied\n" {
				t.Errorf("polkit allows %v; %s: %v: %s", step.allowed, method, err, out)
			}
			if asked := len(r.agent.Asked()) > 0; asked != (may && method == "SetMode") {
				t.Errorf("polkit allows %v; %s: the agent was asked: %v", step.allowed, method, asked)
			}
		}
	}
}
