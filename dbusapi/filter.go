package dbusapi

import (
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// The keys of a filter on the bus.
const (
	keyPIDs     = "pids"
	keyUnits    = "units"
	keyCgroups  = "cgroups"
	keySyscalls = "syscalls"
	keyChildren = "children"
	keyOnExit   = "on_exit"
)

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

func setKey(f *agent.Filter, key string, value dbus.Variant) error {
	switch key {
	case keyPIDs:
		if err := storeKey(&f.PIDs, key, value); err != nil {
			return err
		}
		for _, pid := range f.PIDs {
			if err := checkPID(pid); err != nil {
				return err
			}
		}
		return nil
	case keyUnits:
		return storeKey(&f.Units, key, value)
	case keyCgroups:
		return storeKey(&f.Cgroups, key, value)
	case keySyscalls:
		return storeKey(&f.Syscalls, key, value)
	case keyChildren:
		yes, ok := value.Value().(bool)
		if !ok {
			return refuse(agent.ErrInvalid, "filter %s: expected type \"b\", got %q", key, value.Signature())
		}
		f.Children = yes
		return nil
	case keyOnExit:
		text, ok := value.Value().(string)
		if !ok || text == "" {
			return refuse(agent.ErrInvalid, "filter %s: expected type \"s\", one of %s, %s and %s, got type %q", key,
				agent.OnExitStop, agent.OnExitClear, agent.OnExitKeep, value.Signature())
		}
		f.OnExit = agent.OnExit(text)
		return nil
	}
	return refuse(agent.ErrInvalid, "filter has no key %s; give %s, %s, %s, %s, %s or %s",
		quote(key), keyPIDs, keyUnits, keyCgroups, keySyscalls, keyChildren, keyOnExit)
}

// storeKey is strict: godbus' own Store would make strings of numbers.
func storeKey[T any](to *[]T, key string, value dbus.Variant) error {
	list, ok := value.Value().([]T)
	if !ok {
		return refuse(agent.ErrInvalid, "filter %s: expected type %q, got %q",
			key, dbus.SignatureOf(*to), value.Signature())
	}
	*to = list
	return nil
}

// filterToBus is filterFromBus' inverse; keys that do not narrow are left out.
func filterToBus(f agent.Filter) map[string]dbus.Variant {
	dict := map[string]dbus.Variant{}
	if len(f.PIDs) > 0 {
		dict[keyPIDs] = dbus.MakeVariant(f.PIDs)
	}
	for key, list := range map[string][]string{keyUnits: f.Units, keyCgroups: f.Cgroups, keySyscalls: f.Syscalls} {
		if len(list) > 0 {
			dict[key] = dbus.MakeVariant(list)
		}
	}
	if f.Children {
		dict[keyChildren] = dbus.MakeVariant(true)
	}
	if f.OnExit != "" {
		dict[keyOnExit] = dbus.MakeVariant(string(f.OnExit))
	}
	return dict
}

// printableFilter makes the names fit for the wire.
func printableFilter(f agent.Filter) agent.Filter {
	return agent.Filter{PIDs: f.PIDs, Units: printables(f.Units), Cgroups: printables(f.Cgroups), Syscalls: printables(f.Syscalls),
		Children: f.Children, OnExit: agent.OnExit(printable(string(f.OnExit)))}
}
