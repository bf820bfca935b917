package dbusapi

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi/dbustest"
)

type dict = map[string]dbus.Variant

// rightCalls has one correct call for every method of the Manager interface.
var rightCalls = map[string][]any{
	"Start": nil, "Stop": nil, "ClearFilter": nil, "ResetThresholds": nil, "Reload": nil, "Flush": nil,
	"FilterPID":      {uint32(812)},
	"FilterUnit":     {"nginx.service"},
	"FilterPIDFD":    {dbus.UnixFD(0)},
	"FilterSyscalls": {[]string{"@sync"}},
	"SetMode":        {"count"},
	"SetFilter":      {dict{"pids": dbus.MakeVariant([]uint32{812})}},
	"SetThreshold":   {"fsync", uint64(20000)},
	"Summary":        {uint32(5)},
	"SlowCalls":      {uint32(5)},
	"StuckCalls":     nil,
}

func TestEveryMethodOfTheContractIsCallableWithExactlyItsSignature(t *testing.T) {
	r := newRig(t)
	for _, m := range contract(t)[Interface].Methods {
		args, ok := rightCalls[m.Name]
		if !ok {
			t.Fatalf("no right call of %s is known to the test", m.Name)
		}
		if got := dbus.SignatureOf(args...).String(); got != signature(m.args("in")) {
			t.Fatalf("%s: the test calls with %q", m.Name, got)
		}
		call := r.call(m.Name, args...)
		if call.Err != nil {
			t.Errorf("%s: %v", m.Name, call.Err)
			continue
		}
		// The reply's own signature, as the wire had it.
		if got := dbus.SignatureOf(call.Body...).String(); got != wireSignature(signature(m.args("out"))) {
			t.Errorf("%s returned %q, want %q", m.Name, got, signature(m.args("out")))
		}
	}
}

// wireSignature is what godbus makes of a received value: a struct becomes a list
// of variants, which is all that can be seen of it here; busctl shows the rest.
func wireSignature(sig string) string {
	return strings.ReplaceAll(sig, "(sssttttt)", "av")
}

// wrongArgs has argument lists of many shapes; for each method all but one are wrong.
var wrongArgs = [][]any{
	nil, {int32(-5)}, {int32(1)}, {uint32(1)}, {uint64(1)}, {"x"}, {""}, {true}, {byte(1)}, {int64(-1)}, {1.5},
	{dbus.ObjectPath("/")}, {dbus.ParseSignatureMust("s")}, {dbus.MakeVariant(uint32(1))}, {[]string{"x"}}, {[]uint32{1}},
	{dict{}}, {map[string]string{"pids": "1"}}, {map[string]uint32{"pids": 1}},
	{uint32(1), uint32(2)}, {"x", uint32(1)}, {"x", uint64(1)}, {"x", int64(-1)}, {"x", "1"}, {uint64(1), "x"},
	{"x", uint64(1), "extra"}, {dict{}, dict{}}, {[]any{uint32(1)}},
}

func TestEveryOtherSignatureIsRefusedByName(t *testing.T) {
	r := newRig(t)
	for _, m := range contract(t)[Interface].Methods {
		want := signature(m.args("in"))
		for _, args := range wrongArgs {
			got := dbus.SignatureOf(args...).String()
			if got == want {
				continue
			}
			err := r.call(m.Name, args...).Err
			if errorName(err) != "org.freedesktop.DBus.Error.InvalidArgs" || !strings.Contains(err.Error(), fmt.Sprintf("%q", got)) {
				t.Errorf("%s with %q: %s: %v", m.Name, got, errorName(err), err)
			}
		}
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %v", asked)
	}
}

func TestWrongSignatureIsExplained(t *testing.T) {
	for _, c := range []struct{ method, got, want string }{
		{"FilterPID", "i", `FilterPID: expected signature "u" (pid), got "i"`},
		{"FilterPID", "", `FilterPID: expected signature "u" (pid), got ""`},
		{"SetThreshold", "ss", `SetThreshold: expected signature "st" (syscall, usec), got "ss"`},
		{"Start", "u", `Start takes no arguments, got signature "u"`},
	} {
		err := checkSignature(c.method, managerMethods()[c.method], c.got)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s with %q: %v\nwant %s", c.method, c.got, err, c.want)
		}
	}
}

func TestMethodsBecomeCommands(t *testing.T) {
	r := newRig(t)
	everything := dict{
		"pids": dbus.MakeVariant([]uint32{1, 4194304}), "units": dbus.MakeVariant([]string{"a.service", "b.slice"}),
		"cgroups": dbus.MakeVariant([]string{"/system.slice"}), "syscalls": dbus.MakeVariant([]string{"fsync", "@sync"}),
		"on_exit": dbus.MakeVariant("stop"), "children": dbus.MakeVariant(true),
		"uids": dbus.MakeVariant([]uint32{1000}), "comms": dbus.MakeVariant([]string{"postgres"}),
		"exclude_units": dbus.MakeVariant([]string{"c.service"}), "exclude_comms": dbus.MakeVariant([]string{"rsync"}),
		"failed": dbus.MakeVariant(true), "errnos": dbus.MakeVariant([]string{"EIO"}),
	}
	for _, c := range []struct {
		method string
		args   []any
		want   agent.Command
	}{
		{"Start", nil, agent.Start{}},
		{"Stop", nil, agent.Stop{}},
		{"FilterPID", []any{uint32(1)}, agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{1}}}},
		{"FilterPID", []any{uint32(4194304)}, agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{4194304}}}},
		{"FilterUnit", []any{"nginx.service"}, agent.SetFilter{Filter: agent.Filter{Units: []string{"nginx.service"}}}},
		{"SetFilter", []any{dict{}}, agent.SetFilter{}},
		{"SetFilter", []any{everything}, agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{1, 4194304},
			Units: []string{"a.service", "b.slice"}, Cgroups: []string{"/system.slice"}, Syscalls: []string{"fsync", "@sync"}, Children: true, OnExit: agent.OnExitStop,
			UIDs: []uint32{1000}, Comms: []string{"postgres"}, ExcludeUnits: []string{"c.service"}, ExcludeComms: []string{"rsync"}, Failed: true, Errnos: []string{"EIO"}}}},
		{"FilterSyscalls", []any{[]string{"read"}}, agent.FilterSyscalls{Syscalls: []string{"read"}}},
		{"FilterSyscalls", []any{[]string{}}, agent.FilterSyscalls{Syscalls: []string{}}},
		{"SetMode", []any{"count"}, agent.SetMode{Mode: "count"}},
		{"ClearFilter", nil, agent.SetFilter{}},
		{"SetThreshold", []any{"fsync", uint64(20000)}, agent.SetThreshold{Syscall: "fsync", Threshold: 20 * time.Millisecond}},
		{"SetThreshold", []any{"@sync", uint64(1)}, agent.SetThreshold{Syscall: "@sync", Threshold: time.Microsecond}},
		{"ResetThresholds", nil, agent.ResetThresholds{}},
		{"Reload", nil, agent.Reload{}},
		{"Flush", nil, agent.Flush{}},
	} {
		if err := r.call(c.method, c.args...).Err; err != nil {
			t.Errorf("%s%v: %v", c.method, c.args, err)
		}
		who := agent.Caller{UID: uint32(os.Getuid()), PID: uint32(os.Getpid()), Via: "dbus"}
		want := []dbustest.Asked{{Who: who, Cmd: c.want}}
		if got := r.agent.Asked(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s%v asked the agent\n     %+v\nwant %+v", c.method, c.args, got, want)
		}
	}
}

func TestAbsurdValuesAreRefusedWithASentence(t *testing.T) {
	r := newRig(t)
	filter := func(key string, value any) []any { return []any{dict{key: dbus.MakeVariant(value)}} }
	for _, c := range []struct {
		method string
		args   []any
		want   string // part of the sentence
	}{
		{"FilterPID", []any{uint32(0)}, "pid 0 is no process; give a PID from 1 to 4194304"},
		{"FilterPID", []any{uint32(4194305)}, "pid 4194305 is out of range; give a PID from 1 to 4194304"},
		{"FilterPID", []any{uint32(math.MaxUint32)}, "pid 4294967295 is out of range"},
		{"FilterUnit", []any{""}, `unit "" is no unit`},
		{"SetThreshold", []any{"fsync", uint64(0)}, "a threshold of 0 usec is impossible; give 1 to 9223372036854775"},
		{"SetThreshold", []any{"fsync", uint64(9223372036854776)}, "a threshold of 9223372036854776 usec is impossible"},
		{"SetThreshold", []any{"fsync", uint64(math.MaxUint64)}, "18446744073709551615 usec"},
		{"SetFilter", filter("pids", []uint32{7, 0}), "pid 0 is no process"},
		{"SetFilter", filter("pids", uint32(7)), `filter pids: expected type "au", got "u"`},
		{"SetFilter", filter("pids", []int32{-7}), `filter pids: expected type "au", got "ai"`},
		{"SetFilter", filter("pids", []string{"7"}), `filter pids: expected type "au", got "as"`},
		{"SetFilter", filter("units", "a.service"), `filter units: expected type "as", got "s"`},
		{"SetFilter", filter("units", []uint32{65}), `filter units: expected type "as", got "au"`},
		{"SetFilter", filter("cgroups", []dbus.ObjectPath{"/a"}), `filter cgroups: expected type "as", got "ao"`},
		{"SetFilter", filter("syscalls", dbus.MakeVariant([]string{"read"})), `filter syscalls: expected type "as", got "v"`},
		{"SetFilter", filter("uids", []string{"root"}), `filter uids: expected type "au", got "as"`},
		{"SetFilter", filter("comms", "cat"), `filter comms: expected type "as", got "s"`},
		{"SetFilter", filter("exclude_units", []uint32{1}), `filter exclude_units: expected type "as", got "au"`},
		{"SetFilter", filter("failed", "yes"), `filter failed: expected type "b", got "s"`},
		{"SetFilter", filter("errnos", []int32{5}), `filter errnos: expected type "as", got "ai"`},
		{"SetFilter", filter("children", "yes"), `filter children: expected type "b", got "s"`},
		{"SetFilter", filter("on_exit", true), `filter on_exit: expected type "s", one of stop, clear and keep, got type "b"`},
		{"SetFilter", filter("on_exit", ""), "one of stop, clear and keep"},
		{"SetFilter", filter("pid", []uint32{7}), `filter has no key "pid"; give pids, units, cgroups, uids, comms, exclude_units, exclude_comms, syscalls, failed, errnos, children or on_exit`},
		{"SetFilter", filter("", []uint32{7}), `filter has no key ""`},
		{"SetFilter", filter("a\x1b[31m\n\u202e", "x"), `filter has no key "a\x1b[31m\n\u202e"`},
		{"SetFilter", filter(strings.Repeat("k", 1<<17), "x"), strings.Repeat("k", 64) + `"...; give`},
	} {
		err := r.call(c.method, c.args...).Err
		if errorName(err) != "org.freedesktop.DBus.Error.InvalidArgs" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %.200v\nwant %s", c.method, errorName(err), err, c.want)
		}
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %v", asked)
	}
}

// A filter with two mistakes must not change its sentence with Go's map order.
func TestFilterMistakesAreReportedInAFixedOrder(t *testing.T) {
	bad := dict{"zz": dbus.MakeVariant("x"), "aa": dbus.MakeVariant("x"), "units": dbus.MakeVariant("x")}
	for range 20 {
		f, err := filterFromBus(bad)
		if err == nil || !strings.Contains(err.Error(), `"aa"`) || !f.IsZero() {
			t.Fatalf("filter %v, error %v", f, err)
		}
	}
}

func TestFilterSurvivesTheWire(t *testing.T) {
	for _, f := range []agent.Filter{
		{},
		{PIDs: []uint32{1, 2}},
		{Units: []string{"a.service"}, Syscalls: []string{"@sync"}},
		{PIDs: []uint32{1}, Children: true, OnExit: agent.OnExitClear},
		{PIDs: []uint32{3}, Units: []string{`dev-\x2d.device`}, Cgroups: []string{"/a/ä"}, Syscalls: []string{"read"}},
	} {
		got, err := filterFromBus(filterToBus(f))
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, f)
		}
	}
}

func TestSummaryReturnsTheRowsOfTheAgent(t *testing.T) {
	r := newRig(t)
	r.agent.SetRows(
		agent.Row{Group: "a.service", Syscall: "read", ABI: "x86_64", Count: 1, Errors: 2, TotalNs: 3, MaxNs: 4, P99Ns: 5},
		agent.Row{Group: "evil\n\x1b[2J\xff[7]", Syscall: "write", ABI: "i386", Count: math.MaxUint64},
		agent.Row{})
	var rows []row
	if err := r.call("Summary", uint32(2)).Store(&rows); err != nil {
		t.Fatal(err)
	}
	want := []row{
		{Group: "a.service", ABI: "x86_64", Syscall: "read", Count: 1, Errors: 2, TotalNs: 3, MaxNs: 4, P99Ns: 5},
		{Group: `evil\n\x1b[2J\xff[7]`, ABI: "i386", Syscall: "write", Count: math.MaxUint64},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("rows:\n got %+v\nwant %+v", rows, want)
	}
	if err := r.call("Summary", uint32(math.MaxUint32)).Store(&rows); err != nil || len(rows) != 3 {
		t.Errorf("an absurd top gave %d rows, %v", len(rows), err)
	}
	if err := r.call("Summary", uint32(0)).Store(&rows); err != nil || r.agent.Top() != 0 {
		t.Errorf("top 0 asked for %d, %v", r.agent.Top(), err)
	}
}
