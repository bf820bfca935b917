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

// property is one of an interface.
type property struct {
	name, sig, emits string
	get              func(s *Service, st *agent.Status) any
	set              func(s *Service, who agent.Caller, value any) error // nil: read-only; value has the type sig
}

// managerProperties is the order in which they are listed and signalled. Only what
// tells nothing of anybody's work is signalled, to all who listen.
func managerProperties() []property {
	of := func(name, sig, emits string, get func(*agent.Status) any) property {
		return property{name: name, sig: sig, emits: emits, get: func(_ *Service, st *agent.Status) any { return get(st) }}
	}
	return []property{
		{name: "Version", sig: "s", emits: emitsConst, get: func(s *Service, _ *agent.Status) any { return printable(s.cfg.Version) }},
		of("State", "s", emitsTrue, func(st *agent.Status) any { return printable(st.State) }),
		of("Mode", "s", emitsTrue, func(st *agent.Status) any { return printable(st.Mode) }),
		of("Sample", "u", emitsTrue, func(st *agent.Status) any { return uint32(st.Sample) }),
		of("Auto", "b", emitsTrue, func(st *agent.Status) any { return st.Auto }),
		of("Attachment", "s", emitsFalse, func(st *agent.Status) any { return printable(st.Attachment) }),
		of("Filter", "a{sv}", emitsTrue, func(st *agent.Status) any { return filterToBus(printableFilter(st.Filter)) }),
		of("Thresholds", "a{st}", emitsFalse, thresholds),
		of("PolicyFiles", "as", emitsFalse, func(st *agent.Status) any { return printables(st.Policy) }),
		of("Interval", "t", emitsFalse, func(st *agent.Status) any { return usec(st.Interval) }),
		of("Counters", "a{st}", emitsFalse, counters),
		of("OwnCPU", "a{st}", emitsFalse, func(st *agent.Status) any { return costToBus(st.Cost) }),
		{name: "KernelFeatures", sig: "a{sb}", emits: emitsConst, get: func(s *Service, _ *agent.Status) any { return s.features() }},
		of("StatusText", "s", emitsFalse, func(st *agent.Status) any { return printable(st.Sentence) }),
	}
}

func thresholds(st *agent.Status) any {
	out := make(map[string]uint64, len(st.Thresholds))
	for _, t := range st.Thresholds {
		out[printable(t.Syscall)] = usec(t.Threshold)
	}
	for _, l := range st.Learned {
		out[printable(l.Syscall+learnedOf+l.Unit)] = usec(l.Threshold)
	}
	return out
}

// learnedOf stands between the system call and the unit of a learned threshold; no name of
// a call has one.
const learnedOf = " "

func counters(st *agent.Status) any {
	out := make(map[string]uint64, len(st.Counters))
	for name, n := range st.Counters {
		out[printable(name)] = n
	}
	return out
}

// propertyMethods is the interface org.freedesktop.DBus.Properties of an object whose
// interface has these properties; action is what Set needs. godbus' own package prop
// is not used: its error names are not the standard's.
func propertyMethods(owner string, props []property, action string) methods {
	var (
		table = propertyTable{owner, props}
		iface = arg{"interface_name", "s"}
		name  = arg{"property_name", "s"}
	)
	return methods{
		"Get":    {in: []arg{iface, name}, out: []arg{{"value", "v"}}, run: table.get},
		"GetAll": {in: []arg{iface}, out: []arg{{"properties", "a{sv}"}}, run: table.getAll},
		"Set":    {in: []arg{iface, name, {"value", "v"}}, action: action, run: table.set},
	}
}

// propertyTable has the properties of one object, all of the interface owner.
type propertyTable struct {
	owner string
	props []property
}

func (t propertyTable) get(_ context.Context, s *Service, _ agent.Caller, args []any) ([]any, error) {
	p, err := t.lookup(args[0].(string), args[1].(string))
	if err != nil {
		return nil, err
	}
	return []any{dbus.MakeVariant(p.get(s, statusOf(s.cfg.Agent)))}, nil
}

func (t propertyTable) getAll(_ context.Context, s *Service, _ agent.Caller, args []any) ([]any, error) {
	props, err := t.of(args[0].(string))
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

func (t propertyTable) set(_ context.Context, s *Service, who agent.Caller, args []any) ([]any, error) {
	p, err := t.lookup(args[0].(string), args[1].(string))
	if err != nil {
		return nil, err
	}
	if p.set == nil {
		return nil, refuse(errReadOnly, "property %s of %s is read-only", p.name, t.owner)
	}
	value := args[2].(dbus.Variant)
	if got := value.Signature().String(); got != p.sig {
		return nil, refuse(agent.ErrInvalid, "property %s: expected type %q, got %q", p.name, p.sig, got)
	}
	return nil, p.set(s, who, value.Value())
}

// of lists an interface's properties; the standard interfaces have none. The D-Bus
// specification lets the caller leave the interface empty.
func (t propertyTable) of(iface string) ([]property, error) {
	switch iface {
	case t.owner, "":
		return t.props, nil
	case propertiesInterface, introspectableInterface, peerInterface:
		return nil, nil
	}
	return nil, refuse(errUnknownInterface, "there is no interface %s here; the one with properties is %s", quote(iface), t.owner)
}

func (t propertyTable) lookup(iface, name string) (property, error) {
	props, err := t.of(iface)
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
