package dbusapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

func introspect(t *testing.T, conn *dbus.Conn, path dbus.ObjectPath) string {
	t.Helper()
	var xml string
	if err := conn.Object(BusName, path).Call(introspectableInterface+".Introspect", 0).Store(&xml); err != nil {
		t.Fatalf("introspect %s: %v", path, err)
	}
	return xml
}

func TestIntrospectServesTheContractVerbatim(t *testing.T) {
	r := newRig(t)
	if introspect(t, r.conn, ObjectPath) != Contract() {
		t.Error("Introspect does not give the embedded file")
	}
	if onDisk, err := os.ReadFile("io.github.syscountd1.xml"); err != nil || string(onDisk) != Contract() {
		t.Errorf("the embedded contract is not the file: %v", err)
	}
}

func TestIntrospectionLeadsFromTheRootToTheObject(t *testing.T) {
	r := newRig(t)
	path := "/"
	for _, child := range []string{"io", "github", "syscountd1"} {
		xml := introspect(t, r.conn, dbus.ObjectPath(path))
		if !strings.Contains(xml, `<node name="`+child+`"/>`) {
			t.Errorf("%s does not lead to %s:\n%s", path, child, xml)
		}
		parseNode(t, xml)
		path = filepath.Join(path, child)
	}
	if path != string(ObjectPath) {
		t.Errorf("the way leads to %s", path)
	}
}

func TestUnknownThingsHaveTheStandardErrorNames(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		path         dbus.ObjectPath
		method, want string
	}{
		{"/io/github/syscountd1/x", Interface + ".Start", "UnknownObject"},
		{"/nonsense", introspectableInterface + ".Introspect", "UnknownObject"},
		{"/nonsense", "Start", "UnknownObject"},
		{"/io", Interface + ".Start", "UnknownInterface"},
		{"/io", propertiesInterface + ".GetAll", "UnknownInterface"},
		{ObjectPath, "org.example.Other.Start", "UnknownInterface"},
		{ObjectPath, "org.freedesktop.DBus.Peer.ours.Start", "UnknownMethod"},
		{ObjectPath, Interface + ".Nonsense", "UnknownMethod"},
		{ObjectPath, Interface + ".start", "UnknownMethod"},
		{ObjectPath, peerInterface + ".Start", "UnknownMethod"},
		{ObjectPath, "Nonsense", "UnknownMethod"},
	} {
		err := r.conn.Object(BusName, c.path).Call(c.method, 0).Err
		if errorName(err) != standardError+c.want {
			t.Errorf("%s %s: %s: %v; want %s", c.path, c.method, errorName(err), err, c.want)
		}
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %v", asked)
	}
}

func TestMethodsAreFoundWithoutAnInterface(t *testing.T) {
	r := newRig(t)
	if err := r.object().Call("Flush", 0).Err; err != nil {
		t.Error(err)
	}
	if asked := r.agent.Asked(); len(asked) != 1 {
		t.Errorf("the agent was asked %v", asked)
	}
	// What holds with an interface holds without: the signature is checked.
	if err := r.object().Call("FilterPID", 0, int32(-5)).Err; errorName(err) != standardError+"InvalidArgs" {
		t.Errorf("%s: %v", errorName(err), err)
	}
}

// The specification: Peer is answered whatever the path is.
func TestPeerIsAnsweredOnEveryPath(t *testing.T) {
	r := newRig(t)
	for _, path := range []dbus.ObjectPath{ObjectPath, "/", "/io", "/nonsense"} {
		if err := r.conn.Object(BusName, path).Call(peerInterface+".Ping", 0).Err; err != nil {
			t.Errorf("ping %s: %v", path, err)
		}
	}
}

// godbus alone would answer with the id of the bus.
func TestPeerGivesTheIDOfTheMachine(t *testing.T) {
	r := newRig(t)
	var got string
	err := r.object().Call(peerInterface+".GetMachineId", 0).Store(&got)
	want, missing := machineID("/etc/machine-id", "/var/lib/dbus/machine-id")
	if missing != nil {
		if errorName(err) != standardError+"Failed" {
			t.Errorf("without a machine id: %q, %v", got, err)
		}
	} else if err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestMachineIDIsReadFromTheFirstFileThereIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "machine-id")
	if _, err := machineID(file, file+"2"); err == nil || !strings.Contains(err.Error(), file+":") {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := machineID(file+"2", file); id != "0123456789abcdef" || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
}

// What godbus cannot digest must not cost us the connection, or any user could
// keep the service off the bus.
func TestStrangeMessagesAreHarmless(t *testing.T) {
	r := newRig(t)
	before := r.owner(t)
	deep := dbus.MakeVariant("x")
	for range 60 {
		deep = dbus.MakeVariant(deep)
	}
	type small struct{ A, B any }
	for _, body := range [][]any{
		{map[float64]string{1.5: "x"}}, {map[byte][]string{1: nil}},
		{map[dbus.ObjectPath]uint32{"/a": 1}},
		{deep}, {[][][][]string{{{{"x"}}}}}, {map[string]map[string]map[string]uint32{"a": {"b": {"c": 1}}}},
		{[]struct{ A, B string }{{"a", "b"}}}, {struct{ A uint32 }{1}}, {strings.Repeat("x", 1<<19), "y"},
		{make([]uint32, 1<<17)}, {dbus.ObjectPath("/"), dbus.ParseSignatureMust("a{sv}")},
		{small{dbus.MakeVariant(1.5), dbus.MakeVariant([]small{})}},
	} {
		err := r.object().Call(propertiesInterface+".GetAll", 0, body...).Err
		if errorName(err) != standardError+"InvalidArgs" {
			t.Errorf("%.80v: %s: %.200v", body, errorName(err), err)
		}
	}
	if after := r.owner(t); after != before {
		t.Errorf("the connection was lost: %s became %s", before, after)
	}
}

// godbus' own client cannot even send most of these, and its server would end the
// connection for them.
func TestStrangeMessagesOfOtherUsersAreHarmless(t *testing.T) {
	r := newRig(t)
	before := r.owner(t)
	run := callerAs(t, r)
	for _, args := range []string{
		"a{bs} 1 true x", "a{ds} 1 1.5 x", "a{gs} 1 s x", "a{os} 1 /a x", "a{ys} 1 1 x", "a{b(sv)} 1 true x s y",
		"(((((s))))) x", "aaaaaas 0", "v a{bs} 1 true x", "a{sa{bv}} 1 a 1 true s x", "yybnqiuxtd 1 2 true 1 2 3 4 5 6 7.5",
	} {
		line := []string{"call", BusName, string(ObjectPath), propertiesInterface, "GetAll"}
		if out, err := run(append(line, strings.Fields(args)...)...); err == nil || !strings.Contains(out, "Call failed: GetAll: ") {
			t.Errorf("%s: %v: %s", args, err, out)
		}
		if after := r.owner(t); after != before {
			t.Fatalf("%s: the connection was lost: %s became %s", args, before, after)
		}
	}
	if err := r.call("Flush").Err; err != nil {
		t.Errorf("the service does not answer any more: %v", err)
	}
}

func TestHugeMessagesAreRefused(t *testing.T) {
	r := newRig(t)
	before := r.owner(t)
	huge := strings.Repeat("x", maxRequest)
	err := r.object().Call(propertiesInterface+".GetAll", 0, huge).Err
	if errorName(err) != standardError+"InvalidArgs" || !strings.Contains(err.Error(), "GetAll: a message of 2623") || !strings.Contains(err.Error(), "at most 262144 are allowed") {
		t.Errorf("%s: %v", errorName(err), err)
	}
	if err := r.call("Flush").Err; err != nil {
		t.Errorf("the service does not answer any more: %v", err)
	}
	if after := r.owner(t); after != before {
		t.Errorf("the connection was lost: %s became %s", before, after)
	}
}
