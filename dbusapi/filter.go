package dbusapi

import (
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// filterKey is one key of a filter on the bus.
type filterKey struct {
	name string
	set  func(f *agent.Filter, key string, value dbus.Variant) error
	get  func(f *agent.Filter) (value any, given bool) // not given: it does not narrow
}

// filterKeys are all of them.
var filterKeys = []filterKey{
	{"pids", setPIDs, func(f *agent.Filter) (any, bool) { return f.PIDs, len(f.PIDs) > 0 }},
	listKey("units", func(f *agent.Filter) *[]string { return &f.Units }),
	listKey("cgroups", func(f *agent.Filter) *[]string { return &f.Cgroups }),
	listKey("uids", func(f *agent.Filter) *[]uint32 { return &f.UIDs }),
	listKey("comms", func(f *agent.Filter) *[]string { return &f.Comms }),
	listKey("exclude_units", func(f *agent.Filter) *[]string { return &f.ExcludeUnits }),
	listKey("exclude_comms", func(f *agent.Filter) *[]string { return &f.ExcludeComms }),
	listKey("syscalls", func(f *agent.Filter) *[]string { return &f.Syscalls }),
	flagKey("failed", func(f *agent.Filter) *bool { return &f.Failed }),
	listKey("errnos", func(f *agent.Filter) *[]string { return &f.Errnos }),
	flagKey("children", func(f *agent.Filter) *bool { return &f.Children }),
	{"on_exit", setOnExit, func(f *agent.Filter) (any, bool) { return string(f.OnExit), f.OnExit != "" }},
}

func listKey[T any](name string, in func(*agent.Filter) *[]T) filterKey {
	return filterKey{name,
		func(f *agent.Filter, key string, value dbus.Variant) error { return storeKey(in(f), key, value) },
		func(f *agent.Filter) (any, bool) { return *in(f), len(*in(f)) > 0 }}
}

func flagKey(name string, in func(*agent.Filter) *bool) filterKey {
	return filterKey{name,
		func(f *agent.Filter, key string, value dbus.Variant) error { return storeKey(in(f), key, value) },
		func(f *agent.Filter) (any, bool) { return *in(f), *in(f) }}
}

// maxPID is PID_MAX_LIMIT of 64-bit kernels (include/linux/threads.h).
const maxPID = 4 << 20

// checkPID refuses numbers that no process can have.
func checkPID(pid uint32) error {
	switch {
	case pid == 0:
		return refuse(agent.ErrInvalid, "pid 0 is no process; give a PID from 1 to %d", maxPID)
	case pid > maxPID:
		return refuse(agent.ErrInvalid, "pid %d is out of range; give a PID from 1 to %d", pid, maxPID)
	}
	return nil
}

// filterFromBus reads an a{sv} filter. An unknown key, a value of another type
// and an impossible PID are agent.ErrInvalid. Keys are taken in their order, so
// that the same mistake makes the same sentence.
func filterFromBus(dict map[string]dbus.Variant) (agent.Filter, error) {
	var f agent.Filter
	keys := make([]string, 0, len(dict))
	for key := range dict {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := setKey(&f, key, dict[key]); err != nil {
			return agent.Filter{}, err
		}
	}
	return f, nil
}

func setKey(f *agent.Filter, name string, value dbus.Variant) error {
	var names []string
	for _, key := range filterKeys {
		if key.name == name {
			return key.set(f, name, value)
		}
		names = append(names, key.name)
	}
	last := len(names) - 1
	return refuse(agent.ErrInvalid, "filter has no key %s; give %s or %s", quote(name), strings.Join(names[:last], ", "), names[last])
}

func setPIDs(f *agent.Filter, key string, value dbus.Variant) error {
	if err := storeKey(&f.PIDs, key, value); err != nil {
		return err
	}
	for _, pid := range f.PIDs {
		if err := checkPID(pid); err != nil {
			return err
		}
	}
	return nil
}

func setOnExit(f *agent.Filter, key string, value dbus.Variant) error {
	text, ok := value.Value().(string)
	if !ok || text == "" {
		return refuse(agent.ErrInvalid, "filter %s: expected type \"s\", one of %s, %s and %s, got type %q", key,
			agent.OnExitStop, agent.OnExitClear, agent.OnExitKeep, value.Signature())
	}
	f.OnExit = agent.OnExit(text)
	return nil
}

// storeKey is strict: godbus' own Store would make strings of numbers.
func storeKey[T any](to *T, key string, value dbus.Variant) error {
	given, ok := value.Value().(T)
	if !ok {
		return refuse(agent.ErrInvalid, "filter %s: expected type %q, got %q",
			key, dbus.SignatureOf(*to), value.Signature())
	}
	*to = given
	return nil
}

// filterToBus is filterFromBus' inverse; keys that do not narrow are left out.
func filterToBus(f agent.Filter) map[string]dbus.Variant {
	dict := map[string]dbus.Variant{}
	for _, key := range filterKeys {
		if value, given := key.get(&f); given {
			dict[key.name] = dbus.MakeVariant(value)
		}
	}
	return dict
}

// printableFilter makes the names fit for the wire.
func printableFilter(f agent.Filter) agent.Filter { return f.Map(printable) }
