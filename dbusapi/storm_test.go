package dbusapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// The storm: callers that follow the introspection data, and those that do not, all
// at once, for stormDefault or as long as stormVariable says ("10m"). In a longer one
// there are many that never read, and callers that do not wait for answers.
const (
	stormDefault  = 2 * time.Second
	stormVariable = "SYSCOUNT_DBUS_STORM"
	stormLong     = time.Minute
	stormCallers  = 4
	stormDeaf     = 20 // connections that never read
	stormDeafLong = 1000
	deafCalls     = 50
	deafCallsLong = 5             // what each leaves unread stays in the bus daemon
	floodCalls    = 1000          // in flight at a time, of each caller that does not wait
	stormGrowth   = 5 << 20       // of the resident set, in bytes; see resident
	hugeString    = 32<<20 - 4096 // what a system bus lets through
)

// stormLimits let one user have as many connections as a long storm needs.
const stormLimits = `<limit name="max_connections_per_user">2048</limit><limit name="max_completed_connections">4096</limit>`

// checkingAgent accepts what an agent could, so that refusals are of this package.
type checkingAgent struct{ dbustest.Agent }

func (a *checkingAgent) Do(ctx context.Context, who agent.Caller, cmd agent.Command) error {
	err := a.Agent.Do(ctx, who, cmd)
	a.Agent.Asked() // nobody looks; it would grow
	return err
}

func TestStorm(t *testing.T) {
	length := stormDefault
	if text := os.Getenv(stormVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", stormVariable, err)
		}
	}
	r := startRig(t, dbustest.StartWith(t, stormLimits), func(cfg *Config) { cfg.Agent = &checkingAgent{} })
	wait(t, "the name", r.service.Ready())
	r.conn = r.bus.Connect()
	owner := r.owner(t)
	storm(t, r, min(length/2, stormLong)) // what is allocated once is, by now
	before := r.usage(t)
	storm(t, r, length)
	eventually(t, "the storm leaves nothing", func() bool {
		after := r.usage(t)
		return after.files <= before.files && after.goroutines <= before.goroutines
	})
	after := r.usage(t)
	t.Logf("before %+v, after %+v", before, after)
	if after.ours > before.ours+stormGrowth {
		t.Errorf("the resident set grew from %d to %d", before.ours, after.ours)
	}
	if now := r.owner(t); now != owner {
		t.Errorf("the connection was lost: %s became %s", owner, now)
	}
	if err := r.call("Flush").Err; err != nil {
		t.Errorf("the service does not answer any more: %v", err)
	}
}

const (
	stormAddress = "DBUSTEST_STORM_ADDRESS"
	stormLength  = "DBUSTEST_STORM_LENGTH"
)

// storm has its callers in a process of their own, so that what this one holds is the
// service's.
func storm(t *testing.T, r *rig, length time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestHelperStorm$", "-test.v")
	cmd.Env = append(os.Environ(), stormAddress+"="+r.bus.Address, stormLength+"="+length.String())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the storm is over") {
		t.Fatalf("the callers: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestHelperStorm is no test: it makes the calls of TestStorm.
func TestHelperStorm(t *testing.T) {
	address := os.Getenv(stormAddress)
	if address == "" {
		return
	}
	length, err := time.ParseDuration(os.Getenv(stormLength))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &callers{address: address}
	c.run(t, introspected(t, conn), length)
	if c.calls.Load() == 0 {
		t.Error("no call was made")
	}
	t.Logf("the storm is over: %d calls, %.0f a second, %d of them with 32 MiB, %d connections that did not read",
		c.calls.Load()+c.huge.Load(), float64(c.calls.Load())/length.Seconds(), c.huge.Load(), c.deaf.Load())
}

// callers count what they did.
type callers struct {
	address           string
	calls, huge, deaf atomic.Uint64
}

// usage of this process, in which the service is.
type usage struct {
	files, goroutines int
	resident, ours    int64 // bytes; see resident
}

func (r *rig) usage(t *testing.T) usage {
	t.Helper()
	whole, ours := resident(t)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usage{len(entries), runtime.NumGoroutine(), whole, ours}
}

// stormTarget is one method, found by introspection.
type stormTarget struct {
	path      dbus.ObjectPath
	iface     string
	method    string
	signature []string // one complete type each
}

// introspected follows the introspection data from the root, as any client could.
func introspected(t *testing.T, conn *dbus.Conn) []stormTarget {
	t.Helper()
	var targets []stormTarget
	var walk func(path string)
	walk = func(path string) {
		for name, iface := range parseNode(t, introspect(t, conn, dbus.ObjectPath(path))) {
			for _, m := range iface.Methods {
				var types []string
				for _, a := range m.args("in") {
					types = append(types, a.sig)
				}
				targets = append(targets, stormTarget{dbus.ObjectPath(path), name, m.Name, types})
			}
		}
		for _, child := range childrenOf(t, introspect(t, conn, dbus.ObjectPath(path))) {
			walk(strings.TrimSuffix(path, "/") + "/" + child)
		}
	}
	walk("/")
	if len(targets) < 28 { // of the two objects
		t.Fatalf("introspection finds %d methods only", len(targets))
	}
	return targets
}

// run runs all kinds of callers until the time is over, and waits for them.
func (c *callers) run(t *testing.T, targets []stormTarget, length time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var group sync.WaitGroup
	for n := range stormCallers {
		group.Go(func() { c.callAll(t, ctx, targets, rand.New(rand.NewPCG(uint64(n), 1))) })
	}
	group.Go(func() { c.sendHuge(t, ctx) })
	deaf, asks := stormDeaf, deafCalls
	if length >= stormLong/2 { // the first of two is half as long
		deaf, asks = stormDeafLong, deafCallsLong
		for range stormCallers {
			group.Go(func() { c.flood(t, ctx) })
		}
	}
	for range deaf {
		group.Go(func() { c.neverRead(t, ctx, asks) })
	}
	group.Wait()
}

// callAll calls methods with right and wrong arguments. A wrong signature must be
// refused by name, and a right one be answered, by an error of the contract or not.
func (c *callers) callAll(t *testing.T, ctx context.Context, targets []stormTarget, random *rand.Rand) {
	conn, err := dbus.Connect(c.address)
	if err != nil {
		t.Errorf("connect: %v", err)
		return
	}
	defer conn.Close()
	for ctx.Err() == nil {
		target := targets[random.IntN(len(targets))]
		types := target.signature
		wrong := random.IntN(3) == 0
		if wrong {
			types = randomTypes(random)
		}
		args := make([]any, len(types))
		for i, sig := range types {
			args[i] = randomValue(random, sig)
		}
		wrong = strings.Join(types, "") != strings.Join(target.signature, "")
		got := errorName(conn.Object(BusName, target.path).CallWithContext(t.Context(), target.iface+"."+target.method, 0, args...).Err)
		c.calls.Add(1)
		switch {
		case wrong && got != standardError+"InvalidArgs", !wrong && !mayBe(got):
			t.Errorf("%s %s.%s(%s) was answered by %q", target.path, target.iface, target.method, strings.Join(types, ""), got)
		}
	}
}

// mayBe: a right signature has this answer, "" for success.
func mayBe(name string) bool {
	switch strings.TrimPrefix(name, standardError) {
	case "", "InvalidArgs", "PropertyReadOnly", "UnknownProperty", "UnknownInterface", "LimitsExceeded":
		return true
	}
	return strings.HasPrefix(name, ownError)
}

// sendHuge sends the longest strings that a bus lets through.
func (c *callers) sendHuge(t *testing.T, ctx context.Context) {
	conn, err := dbus.Connect(c.address)
	if err != nil {
		t.Errorf("connect: %v", err)
		return
	}
	defer conn.Close()
	huge := strings.Repeat("x", hugeString)
	for ctx.Err() == nil {
		err := conn.Object(BusName, ObjectPath).CallWithContext(t.Context(), Interface+".FilterUnit", 0, huge).Err
		c.huge.Add(1)
		if errorName(err) != standardError+"InvalidArgs" || !strings.Contains(err.Error(), "is too long") {
			t.Errorf("a string of %d bytes was answered by %.200v", len(huge), err)
		}
		select { // the bus does nothing else meanwhile
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// flood calls as fast as the bus takes it, and does not wait for one answer before the next call.
func (c *callers) flood(t *testing.T, ctx context.Context) {
	conn, err := dbus.Connect(c.address)
	if err != nil {
		t.Errorf("connect: %v", err)
		return
	}
	defer conn.Close()
	answers := make(chan *dbus.Call, floodCalls)
	object, inFlight := conn.Object(BusName, ObjectPath), 0
	for ctx.Err() == nil || inFlight > 0 {
		for ctx.Err() == nil && inFlight < floodCalls {
			object.Go(propertiesInterface+".Get", 0, answers, Interface, "State")
			inFlight++
		}
		got := <-answers
		inFlight--
		c.calls.Add(1)
		if name := errorName(got.Err); name != "" && name != standardError+"LimitsExceeded" {
			t.Errorf("a call among many was answered by %q", name)
			return
		}
	}
}

// neverRead asks for much and reads nothing of it. The bus drops what does not
// fit, and cuts the connection perhaps: then another one comes.
func (c *callers) neverRead(t *testing.T, ctx context.Context, asks int) {
	for ctx.Err() == nil {
		sock, err := net.Dial("unix", strings.TrimPrefix(c.address, "unix:path="))
		if err != nil {
			t.Errorf("connect: %v", err)
			return
		}
		c.deaf.Add(1)
		askWithoutReading(ctx, sock, asks)
		sock.Close()
	}
}

// askWithoutReading logs in, as far as that goes without reading, and introspects.
func askWithoutReading(ctx context.Context, sock net.Conn, asks int) {
	deadline, _ := ctx.Deadline()
	if err := sock.SetDeadline(deadline); err != nil {
		return
	}
	uid := fmt.Sprintf("%x", fmt.Sprint(os.Getuid()))
	if _, err := sock.Write([]byte("\x00AUTH EXTERNAL " + uid + "\r\nBEGIN\r\n")); err != nil {
		return
	}
	calls := [][]byte{callOnWire("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", 1),
		callOnWire(BusName, string(ObjectPath), introspectableInterface, "Introspect", 2)}
	if _, err := sock.Write(calls[0]); err != nil {
		return
	}
	for range asks {
		if _, err := sock.Write(calls[1]); err != nil {
			return
		}
	}
	<-ctx.Done() // stay, and do not read
}
