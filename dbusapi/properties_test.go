package dbusapi

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// fullStatus has a value in every field.
func fullStatus() agent.Status {
	return agent.Status{
		State: "running", Mode: "account", Sample: 16, Auto: true, Attachment: "tp_btf/sys_enter tp_btf/sys_exit",
		Filter:     agent.Filter{PIDs: []uint32{812}, Units: []string{"nginx.service"}},
		Thresholds: []agent.Threshold{{Syscall: "fsync", Threshold: 20 * time.Millisecond}, {Syscall: "@sync", Threshold: time.Microsecond}},
		Learned:    []agent.LearnedThreshold{{Syscall: "fsync", Unit: "db.service", Threshold: 5 * time.Millisecond}},
		Policy:     []string{"/etc/syscountd/syscountd.toml"}, Interval: time.Minute,
		Counters: map[string]uint64{"slow": 3, "ring_full": math.MaxUint64}, Sentence: "watching 1 process",
		Cost: agent.Cost{Kernel: 3 * time.Second, SharePPM: 31200, OwnPPM: 4100, BudgetPPM: 20000, CallPS: 111300, SwitchPS: 78000},
	}
}

// fullProperties is what fullStatus is on the bus.
func fullProperties() map[string]any {
	return map[string]any{
		"Version": "1.2.3", "State": "running", "Mode": "account", "Sample": uint32(16), "Auto": true, "Attachment": "tp_btf/sys_enter tp_btf/sys_exit",
		"Filter":      dict{"pids": dbus.MakeVariant([]uint32{812}), "units": dbus.MakeVariant([]string{"nginx.service"})},
		"Thresholds":  map[string]uint64{"fsync": 20000, "@sync": 1, "fsync db.service": 5000},
		"PolicyFiles": []string{"/etc/syscountd/syscountd.toml"}, "Interval": uint64(60_000_000),
		"Counters": map[string]uint64{"slow": 3, "ring_full": math.MaxUint64}, "StatusText": "watching 1 process",
		"KernelFeatures": map[string]bool{"lock_owner": true, "task_work": false}, // of newRig
	}
}

func (r *rig) get(iface, name string) (dbus.Variant, error) {
	var v dbus.Variant
	err := r.object().Call(propertiesInterface+".Get", 0, iface, name).Store(&v)
	return v, err
}

func (r *rig) getAll(t *testing.T, iface string) dict {
	t.Helper()
	var all dict
	if err := r.object().Call(propertiesInterface+".GetAll", 0, iface).Store(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPropertiesHaveTheValuesAndTypesOfTheContract(t *testing.T) {
	r := newRig(t)
	r.agent.SetStatus(fullStatus())
	all := r.getAll(t, Interface)
	for _, p := range contract(t)[Interface].Properties {
		want := fullProperties()[p.Name]
		got, err := r.get(Interface, p.Name)
		if p.Name == "OwnCPU" { // this process's own
			cost, _ := got.Value().(map[string]uint64)
			if now := cost[processNs]; err != nil || now == 0 || now > ownCPU() {
				t.Errorf("OwnCPU: %v, %v", got, err)
			}
			delete(cost, processNs)
			if of := (map[string]uint64{kernelNs: 3e9, sharePPM: 31200, ownPPM: 4100, budgetPPM: 20000, callPS: 111300, switchPS: 78000}); !reflect.DeepEqual(cost, of) {
				t.Errorf("OwnCPU: %v, want %v", cost, of)
			}
			continue
		}
		if err != nil || got.Signature().String() != p.Type || !reflect.DeepEqual(got.Value(), want) {
			t.Errorf("Get %s: %v %v, %v; want %s %v", p.Name, got.Signature(), got, err, p.Type, want)
		}
		if !reflect.DeepEqual(all[p.Name].Value(), want) {
			t.Errorf("GetAll %s: %v, want %v", p.Name, all[p.Name], want)
		}
	}
	if len(all) != len(fullProperties())+1 {
		t.Errorf("GetAll gave %d properties, want %d", len(all), len(fullProperties()))
	}
}

func TestPropertiesOfAnAgentWithoutStatusAreEmptyAndTyped(t *testing.T) {
	r := newRig(t)
	for _, p := range contract(t)[Interface].Properties {
		got, err := r.get(Interface, p.Name)
		if err != nil || got.Signature().String() != p.Type {
			t.Errorf("Get %s: %v %v, %v", p.Name, got.Signature(), got, err)
		}
	}
}

func TestGetAllKnowsTheStandardInterfaces(t *testing.T) {
	r := newRig(t)
	for _, iface := range []string{propertiesInterface, introspectableInterface, peerInterface} {
		if all := r.getAll(t, iface); len(all) != 0 {
			t.Errorf("%s has properties %v", iface, all)
		}
	}
	if all := r.getAll(t, ""); len(all) != len(fullProperties())+1 {
		t.Errorf("without an interface there are %d properties", len(all))
	}
}

func TestPropertyMistakesHaveTheStandardNames(t *testing.T) {
	r := newRig(t)
	v := dbus.MakeVariant("stopped")
	for _, c := range []struct {
		method string
		args   []any
		want   string
	}{
		{"Get", []any{Interface, "Nonsense"}, "UnknownProperty"},
		{"Get", []any{Interface, "state"}, "UnknownProperty"},
		{"Get", []any{peerInterface, "State"}, "UnknownProperty"},
		{"Get", []any{"org.example.Other", "State"}, "UnknownInterface"},
		{"Get", []any{Interface}, "InvalidArgs"},
		{"Get", []any{Interface, uint32(1)}, "InvalidArgs"},
		{"GetAll", []any{"org.example.Other"}, "UnknownInterface"},
		{"GetAll", nil, "InvalidArgs"},
		{"Set", []any{Interface, "State", v}, "PropertyReadOnly"},
		{"Set", []any{Interface, "Version", dbus.MakeVariant(uint32(1))}, "PropertyReadOnly"},
		{"Set", []any{Interface, "Nonsense", v}, "UnknownProperty"},
		{"Set", []any{"org.example.Other", "State", v}, "UnknownInterface"},
		{"Set", []any{Interface, "State", "stopped"}, "InvalidArgs"},
		{"Nonsense", nil, "UnknownMethod"},
	} {
		err := r.object().Call(propertiesInterface+"."+c.method, 0, c.args...).Err
		if errorName(err) != standardError+c.want {
			t.Errorf("%s%v: %s: %v; want %s", c.method, c.args, errorName(err), err, c.want)
		}
	}
}

// A D-Bus string that is not UTF-8 would cost us the connection.
func TestHostileTextInTheStatusIsHarmless(t *testing.T) {
	r := newRig(t)
	before := r.owner(t)
	evil := "a\x00b\xffc\x1b[31m\nd\u202e"
	const tame = `a\x00b\xffc\x1b[31m\nd\u202e`
	r.agent.SetStatus(agent.Status{
		State: evil, Mode: evil, Attachment: evil, Sentence: evil, Policy: []string{evil},
		Filter:     agent.Filter{Units: []string{evil}, Cgroups: []string{evil}, Syscalls: []string{evil}},
		Thresholds: []agent.Threshold{{Syscall: evil, Threshold: -1}}, Interval: -1,
		Counters: map[string]uint64{evil: 1},
	})
	list := []string{tame}
	variant := dbus.MakeVariant(list)
	for name, want := range map[string]any{
		"State": tame, "Mode": tame, "Attachment": tame, "StatusText": tame, "PolicyFiles": list, "Interval": uint64(0),
		"Filter":     dict{"units": variant, "cgroups": variant, "syscalls": variant},
		"Thresholds": map[string]uint64{tame: 0}, "Counters": map[string]uint64{tame: 1},
	} {
		if got, err := r.get(Interface, name); err != nil || !reflect.DeepEqual(got.Value(), want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	if after := r.owner(t); after != before {
		t.Errorf("the connection was lost: %s became %s", before, after)
	}
}

// signals subscribes to PropertiesChanged.
func (r *rig) signals(t *testing.T) <-chan *dbus.Signal {
	t.Helper()
	ch := make(chan *dbus.Signal, 100)
	r.conn.Signal(ch)
	err := r.conn.AddMatchSignal(dbus.WithMatchInterface(propertiesInterface), dbus.WithMatchSender(BusName))
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestChangesAreSignalledWithTheNewValues(t *testing.T) {
	r := newRig(t)
	ch := r.signals(t)
	next := func() dict {
		t.Helper()
		s := wait(t, "PropertiesChanged", ch)
		for strings.HasPrefix(s.Name, "org.freedesktop.DBus.Name") { // of the connection itself
			s = wait(t, "PropertiesChanged", ch)
		}
		invalidated, _ := s.Body[2].([]string)
		if s.Name != propertiesInterface+".PropertiesChanged" || s.Path != ObjectPath || s.Body[0] != Interface || len(invalidated) != 0 {
			t.Errorf("signal %+v", s)
		}
		return s.Body[1].(dict)
	}

	r.agent.SetStatus(fullStatus())
	want := dict{}
	for _, p := range contract(t)[Interface].Properties {
		if p.Annotations[0].Value == "true" {
			want[p.Name] = dbus.MakeVariant(fullProperties()[p.Name])
		}
	}
	if got := next(); !reflect.DeepEqual(got, want) || len(got) != 5 {
		t.Errorf("first change:\n got %v\nwant %v", got, want)
	}

	// What is never signalled changes alone: no signal. Then State alone.
	quiet := fullStatus()
	quiet.Sentence, quiet.Attachment, quiet.Counters, quiet.Interval, quiet.Policy = "x", "y", nil, 1, nil
	r.agent.SetStatus(quiet)
	stopped := quiet
	stopped.State = "stopped"
	r.agent.SetStatus(stopped)
	if got := next(); !reflect.DeepEqual(got, dict{"State": dbus.MakeVariant("stopped")}) {
		t.Errorf("second change: %v, want State alone", got)
	}
}

func TestDifferencesSeesEveryKindOfChange(t *testing.T) {
	base := map[string]any{"S": "a", "F": dict{"pids": dbus.MakeVariant([]uint32{1})}, "T": map[string]uint64{"read": 1}}
	for _, c := range []struct {
		name  string
		value any
		want  int
	}{
		{"S", "a", 0}, {"S", "b", 1},
		{"F", dict{"pids": dbus.MakeVariant([]uint32{1})}, 0}, {"F", dict{"pids": dbus.MakeVariant([]uint32{2})}, 1}, {"F", dict{}, 1},
		{"T", map[string]uint64{"read": 1}, 0}, {"T", map[string]uint64{"read": 2}, 1},
	} {
		got := differences(base, map[string]any{c.name: c.value})
		if len(got) != c.want {
			t.Errorf("%s becomes %v: %v", c.name, c.value, got)
		}
	}
}
