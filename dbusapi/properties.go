package dbusapi

import (
	"context"
	"reflect"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// The values of the annotation EmitsChangedSignal that we use.
const (
	emitsTrue  = "true"  // PropertiesChanged carries the new value
	emitsFalse = "false" // may change at any time, never signalled
	emitsConst = "const" // never changes while the service runs
)

// property is one read-only property of the Manager interface.
type property struct {
	name, sig, emits string
	get              func(s *Service, st *agent.Status) any
}

// managerProperties is the order in which they are listed and signalled.
func managerProperties() []property {
	return []property{
		{"Version", "s", emitsConst, func(s *Service, _ *agent.Status) any { return printable(s.cfg.Version) }},
		{"State", "s", emitsTrue, func(_ *Service, st *agent.Status) any { return printable(st.State) }},
		{"Mode", "s", emitsTrue, func(_ *Service, st *agent.Status) any { return printable(st.Mode) }},
		{"Attachment", "s", emitsFalse, func(_ *Service, st *agent.Status) any { return printable(st.Attachment) }},
		{"Filter", "a{sv}", emitsTrue, func(_ *Service, st *agent.Status) any { return filterToBus(printableFilter(st.Filter)) }},
		{"Thresholds", "a{st}", emitsTrue, func(_ *Service, st *agent.Status) any { return thresholds(st) }},
		{"PolicyFiles", "as", emitsFalse, func(_ *Service, st *agent.Status) any { return printables(st.Policy) }},
		{"Interval", "t", emitsFalse, func(_ *Service, st *agent.Status) any { return usec(st.Interval) }},
		{"Counters", "a{st}", emitsFalse, func(_ *Service, st *agent.Status) any { return counters(st) }},
		{"StatusText", "s", emitsFalse, func(_ *Service, st *agent.Status) any { return printable(st.Sentence) }},
	}
}

func thresholds(st *agent.Status) map[string]uint64 {
	out := make(map[string]uint64, len(st.Thresholds))
	for _, t := range st.Thresholds {
		out[printable(t.Syscall)] = usec(t.Threshold)
	}
	return out
}

func counters(st *agent.Status) map[string]uint64 {
	out := make(map[string]uint64, len(st.Counters))
	for name, n := range st.Counters {
		out[printable(name)] = n
	}
	return out
}

// propertyMethods is the interface org.freedesktop.DBus.Properties. godbus' own
// package prop is not used: its error names are not the standard's.
func propertyMethods() methods {
	var (
		iface = arg{"interface_name", "s"}
		name  = arg{"property_name", "s"}
	)
	return methods{
		"Get":    {in: []arg{iface, name}, out: []arg{{"value", "v"}}, run: getProperty},
		"GetAll": {in: []arg{iface}, out: []arg{{"properties", "a{sv}"}}, run: getProperties},
		"Set":    {in: []arg{iface, name, {"value", "v"}}, run: setProperty},
	}
}

func getProperty(_ context.Context, s *Service, _ agent.Caller, args []any) ([]any, error) {
	p, err := lookupProperty(args[0].(string), args[1].(string))
	if err != nil {
		return nil, err
	}
	return []any{dbus.MakeVariant(p.get(s, statusOf(s.cfg.Agent)))}, nil
}

func getProperties(_ context.Context, s *Service, _ agent.Caller, args []any) ([]any, error) {
	props, err := propertiesOf(args[0].(string))
	if err != nil {
		return nil, err
	}
	all := map[string]dbus.Variant{}
	st := statusOf(s.cfg.Agent) // one picture for all of them
	for _, p := range props {
		all[p.name] = dbus.MakeVariant(p.get(s, st))
	}
	return []any{all}, nil
}

func setProperty(_ context.Context, _ *Service, _ agent.Caller, args []any) ([]any, error) {
	p, err := lookupProperty(args[0].(string), args[1].(string))
	if err != nil {
		return nil, err
	}
	return nil, refuse(errReadOnly, "property %s is read-only; the methods of %s change it", p.name, Interface)
}

// propertiesOf lists an interface's properties; the standard interfaces have none.
// The D-Bus specification lets the caller leave the interface empty.
func propertiesOf(iface string) ([]property, error) {
	switch iface {
	case Interface, "":
		return managerProperties(), nil
	case propertiesInterface, introspectableInterface, peerInterface:
		return nil, nil
	}
	return nil, refuse(errUnknownInterface, "object %s has no interface %s; its own is %s", ObjectPath, quote(iface), Interface)
}

func lookupProperty(iface, name string) (property, error) {
	props, err := propertiesOf(iface)
	if err != nil {
		return property{}, err
	}
	for _, p := range props {
		if p.name == name {
			return p, nil
		}
	}
	return property{}, refuse(errUnknownProperty, "interface %s has no property %s", quote(iface), quote(name))
}

// signalled takes a picture of the properties that are signalled when they change.
func signalled(s *Service) map[string]any {
	picture := map[string]any{}
	st := statusOf(s.cfg.Agent)
	for _, p := range managerProperties() {
		if p.emits == emitsTrue {
			picture[p.name] = p.get(s, st)
		}
	}
	return picture
}

// differences gives what is new in now, ready for PropertiesChanged.
func differences(before, now map[string]any) map[string]dbus.Variant {
	changed := map[string]dbus.Variant{}
	for name, value := range now {
		if !reflect.DeepEqual(before[name], value) {
			changed[name] = dbus.MakeVariant(value)
		}
	}
	return changed
}
