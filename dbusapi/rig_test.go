package dbusapi

import (
	"context"
	"encoding/binary"
	"encoding/xml"
	"os"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

func TestMain(m *testing.M) { os.Exit(dbustest.Main(m)) }

// patience is how long a test waits for what must happen; nothing is timed by it.
// It is below callTimeout, which would end what hangs.
const patience = callTimeout - 5*time.Second

// rig is a service with a fake agent on a private bus, and a connection to call
// it by.
type rig struct {
	bus     *dbustest.Bus
	agent   *dbustest.Agent
	service *Service
	conn    *dbus.Conn
	reports chan error    // what Config.Report got
	stop    func()        // ends the service and waits for it
	ended   chan struct{} // closed when Run has returned
	err     error         // of Run; after ended
}

// newRig starts everything and waits until the name is owned. The user who runs
// the test may do what root may, so that the tests need no privilege.
func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := startRig(t, dbustest.Start(t), change...)
	wait(t, "the name", r.service.Ready())
	r.conn = r.bus.Connect()
	return r
}

// startRig does not wait, and takes a bus.
func startRig(t *testing.T, bus *dbustest.Bus, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{bus: bus, agent: &dbustest.Agent{}, reports: make(chan error, 100), ended: make(chan struct{})}
	cfg := Config{Agent: r.agent, Version: "1.2.3", Address: bus.Address, Owner: uint32(os.Getuid()),
		Features: func() map[string]bool { return map[string]bool{"lock_owner": true, "task_work": false} },
		Report:   func(err error) { r.reports <- err }}
	for _, c := range change {
		c(&cfg)
	}
	r.service = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(r.ended)
		r.err = r.service.Run(ctx)
	}()
	r.stop = func() {
		t.Helper()
		cancel()
		wait(t, "the end of Run", r.ended)
	}
	t.Cleanup(r.stop)
	return r
}

// wait fails the test when ch gives nothing.
func wait[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come within %v", what, patience)
		panic("not reached")
	}
}

func (r *rig) object() dbus.BusObject { return r.conn.Object(BusName, ObjectPath) }

// call calls a method of the Manager interface.
func (r *rig) call(method string, args ...any) *dbus.Call {
	return r.object().Call(Interface+"."+method, 0, args...)
}

// owner gives the unique name that owns ours; it changes with each connection.
func (r *rig) owner(t *testing.T) string {
	t.Helper()
	var owner string
	if err := r.conn.BusObject().Call("org.freedesktop.DBus.GetNameOwner", 0, BusName).Store(&owner); err != nil {
		t.Fatal(err)
	}
	return owner
}

// client makes a typed client on the private bus.
func (r *rig) client(t *testing.T) *Client {
	t.Helper()
	c, err := DialAddress(t.Context(), r.bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// errorName is the D-Bus name of err, "" when it is none.
func errorName(err error) string {
	if e, ok := err.(dbus.Error); ok {
		return e.Name
	}
	return ""
}

// callOnWire is a call without arguments, as bytes.
func callOnWire(destination, path, iface, member string, serial uint32) []byte {
	field := func(out []byte, number, kind byte, text string) []byte {
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
		out = append(out, number, 1, kind, 0)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
		return append(append(out, text...), 0)
	}
	head := []byte{'l', 1, 0, 1, 0, 0, 0, 0}
	head = binary.LittleEndian.AppendUint32(head, serial)
	out := binary.LittleEndian.AppendUint32(head, 0)
	out = field(out, 1, 'o', path)
	out = field(out, 2, 's', iface)
	out = field(out, 3, 's', member)
	out = field(out, 6, 's', destination)
	binary.LittleEndian.PutUint32(out[12:], uint32(len(out)-headLength))
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	return out
}

// childrenOf are the names of the nodes below the one that has this introspection data.
func childrenOf(t *testing.T, text string) (names []string) {
	t.Helper()
	var node xmlNode
	if err := xml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	for _, child := range node.Nodes {
		names = append(names, child.Name)
	}
	return names
}
