package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/dbusapi"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

// storeMax is what the unit file allows.
func storeMax(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("../../packaging/syscountd.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "FileDescriptorStoreMax="); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the unit has no FileDescriptorStoreMax=")
	return 0
}

const accountByProcess = "[collect]\ninterval = \"1h\"\ngroup_by = \"process\"\n"

// process is a service that was started by the manager.
func (m *manager) process(policy, bus string) *service {
	m.t.Helper()
	args := []string{"--output", "stdout", "--config", policyFile(m.t, policy)}
	if bus == "" {
		args = append(args, "--no-dbus")
	}
	return startIn(m.t, func(e *env) { e.busAddress, e.store, e.files = bus, m.socket(), m.files() }, args...)
}

// end ends it, as systemctl restart does.
func (s *service) end() {
	s.t.Helper()
	<-s.ready
	s.cancel()
	s.next(func(r map[string]any) bool { return r["change"] == "stopped" })
	if status := <-s.ended; status != 0 {
		s.t.Errorf("status %d", status)
	}
}

// begin is the record of a service's beginning, and the messages before it.
func (s *service) begin() (change string, logged []string) {
	s.t.Helper()
	r := s.next(func(r map[string]any) bool {
		if r["event"] == "log" {
			logged = append(logged, r["msg"].(string))
		}
		return r["event"] == "state"
	})
	return r["change"].(string), logged
}

func TestTheNextProcessGoesOnFromTheStore(t *testing.T) {
	m := newManager(t, storeMax(t))
	first := m.process(accountByProcess, "")
	if change, logged := first.begin(); change != "started" || len(logged) > 0 {
		t.Errorf("the first process: %s, %q", change, logged)
	}
	first.end()
	stored := m.names()
	for range 2 {
		next := m.process(accountByProcess, "")
		if change, logged := next.begin(); change != "resumed" || len(logged) > 0 {
			t.Errorf("the next process: %s, %q", change, logged)
		}
		r := next.next(event("interval"))
		if residual := r["balance"].(map[string]any)["residual"].(float64); residual != 0 {
			t.Errorf("balance %v", r["balance"])
		}
		next.end()
	}
	if now := m.names(); !slices.Equal(now, stored) {
		t.Errorf("stored is %q; before %q", now, stored)
	}
}

func TestAStoreThatDoesNotFitIsRefusedAndRemoved(t *testing.T) {
	for name, test := range map[string]struct {
		spoil   func(*manager)
		because string
	}{
		"a map is missing":        {func(m *manager) { m.lose("map.cpus") }, "it has no map cpus"},
		"a link is missing":       {func(m *manager) { m.lose("link.sys_exit") }, "nothing is attached to sys_exit"},
		"it was not stored whole": {func(m *manager) { m.lose("memory") }, "not stored to its end"},
		"the memory is none":      {func(m *manager) { m.lose("memory"); m.again("map.cpus", "memory") }, "it is no memory of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, storeMax(t))
			first := m.process(accountByProcess, "")
			first.begin()
			first.end()
			old := m.names()
			test.spoil(m)
			m.freshAfter(accountByProcess, old, test.because)
		})
	}
}

func TestAnotherLayoutIsRefusedAndRemoved(t *testing.T) {
	m := newManager(t, storeMax(t))
	first := m.process(accountByProcess, "")
	first.begin()
	first.end()
	const other = "[collect]\ninterval = \"1h\"\ngroup_by = \"none\"\n"
	m.freshAfter(other, m.names(), "other programs or options: its layout is ")
	last := m.process(other, "")
	if change, logged := last.begin(); change != "resumed" || len(logged) > 0 {
		t.Errorf("after that: %s, %q", change, logged)
	}
	last.end()
}

// freshAfter wants the next process to begin anew, to say why in one sentence, and to
// have its own parts in the store alone.
func (m *manager) freshAfter(policy string, old []string, because string) {
	m.t.Helper()
	next := m.process(policy, "")
	var reason string
	r := next.next(func(r map[string]any) bool {
		if r["event"] == "log" {
			reason += r["attributes"].(map[string]any)["because"].(string)
		}
		return r["event"] == "state"
	})
	if r["change"] != "started" || !strings.Contains(reason, because) {
		m.t.Errorf("%v, because %q; want started, because %q", r["change"], reason, because)
	}
	next.end()
	now := m.names()
	if len(now) < 2 || slices.ContainsFunc(now, func(name string) bool { return slices.Contains(old, name) }) {
		m.t.Errorf("stored is %q; before %q", now, old)
	}
}

func TestAnothersDescriptorIsRemovedAndOursAreUsed(t *testing.T) {
	m := newManager(t, storeMax(t))
	first := m.process(accountByProcess, "")
	first.begin()
	first.end()
	ours := m.names()
	if err := m.socket().store("stored", 0); err != nil {
		t.Fatal(err)
	}
	if err := m.socket().await(); err != nil {
		t.Fatal(err)
	}
	next := m.process(accountByProcess, "")
	if change, logged := next.begin(); change != "resumed" || len(logged) != 1 || !strings.Contains(logged[0], "refused, and removed") {
		t.Errorf("%s, %q", change, logged)
	}
	next.end()
	if now := m.names(); !slices.Equal(now, ours) {
		t.Errorf("stored is %q; before %q", now, ours)
	}
}

// again stores the descriptor of one part as another one too.
func (m *manager) again(part, as string) {
	for _, file := range m.files() {
		if prefix, ok := strings.CutSuffix(file.Name(), part); ok {
			if err := m.socket().store(prefix+as, int(file.Fd())); err != nil {
				m.t.Fatal(err)
			}
		}
		file.Close()
	}
	if err := m.socket().await(); err != nil {
		m.t.Fatal(err)
	}
}

func TestStopEmptiesTheStoreAndStartFillsIt(t *testing.T) {
	m := newManager(t, storeMax(t))
	bus := dbustest.Start(t)
	s := m.process(accountByProcess, bus.Address)
	s.begin()
	<-s.ready
	client, err := dbusapi.DialAddress(t.Context(), bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	before := m.names()
	if err := client.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := m.names(); len(now) != 0 {
		t.Errorf("after Stop %q is stored", now)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.end()
	if now := m.names(); len(now) != len(before) {
		t.Errorf("after Start %q is stored; before %q", now, before)
	}
}

// As with FileDescriptorStoreMax=0, or with less than a tracer has.
func TestWithoutRoomInTheStoreItBeginsAnew(t *testing.T) {
	for _, limit := range []int{0, 7} {
		m := newManager(t, limit)
		for range 2 {
			s := m.process(accountByProcess, "")
			if change, _ := s.begin(); change != "started" {
				t.Errorf("room for %d: %s", limit, change)
			}
			s.end()
		}
	}
}

func TestAManagerThatDoesNotAnswerIsNoReasonNotToRun(t *testing.T) {
	s := startIn(t, func(e *env) { e.store = "/nonexistent/notify" }, "--no-dbus", "--output", "stdout",
		"--config", policyFile(t, accountByProcess))
	change, logged := s.begin()
	if change != "started" || len(logged) != 1 || !strings.Contains(logged[0], "a restart will have a gap") {
		t.Errorf("%s, %q", change, logged)
	}
	s.end()
}

func TestNamesInTheStore(t *testing.T) {
	name := storedName{"0123456789abcdef", setName(5), "map..data"}
	if got, ok := parseName(name.String()); !ok || got != name {
		t.Errorf("%q is read as %+v, %v", name, got, ok)
	}
	for _, text := range []string{"", "stored", "syscountd", "syscountd/1/2", "other/1/2/3"} {
		if n, ok := parseName(text); ok {
			t.Errorf("%q is read as %+v", text, n)
		}
	}
	of := func(layout string, set uint64, part string) string {
		return storedName{layout, setName(set), part}.String()
	}
	names := []string{
		of("a", 9, "map.x"), // not stored to its end
		of("a", 7, "map.x"), of("a", 7, memoryPart), of("a", 8, "map.x"), of("a", 8, memoryPart),
		of("b", 99, "map.x"), of("b", 99, memoryPart), "stored", "stored",
	}
	if got := newestSet(names, "a"); got != setName(8) {
		t.Errorf("set %q", got)
	}
	if got := newestSet(names, "c"); got != "" {
		t.Errorf("set %q of a layout that is not there", got)
	}
	refused, _ := others(names, "a", setName(8))
	if want := []string{names[0], names[1], names[2], names[5], names[6], "stored"}; !slices.Equal(refused, want) {
		t.Errorf("refused %q; want %q", refused, want)
	}
	if refused, _ := others(names, "a", ""); len(refused) != len(names)-1 {
		t.Errorf("refused %q; want all", refused)
	}
}

// sd_notify(3): at most 255 characters, printable, no colon.
func TestSystemdTakesTheNames(t *testing.T) {
	m := newManager(t, storeMax(t))
	s := m.process(accountByProcess, "")
	s.begin()
	s.end()
	names := m.names()
	if len(names) < 20 || len(names) > storeMax(t)/2 {
		t.Errorf("%d descriptors are stored; the unit allows %d, which should be twice as many", len(names), storeMax(t))
	}
	for _, name := range names {
		if len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			t.Errorf("%q is no name for a descriptor", name)
		}
	}
}
