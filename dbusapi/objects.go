package dbusapi

import "github.com/godbus/dbus/v5"

// objects is what we have on the bus: interfaces by path. It is godbus' Handler,
// complete before the connection is made, so that no call can come too early.
// godbus' own export tables are not used: they convert argument types, drop
// methods of a wrong shape silently, and answer on paths that do not exist.
type objects struct {
	session *session
	byPath  map[dbus.ObjectPath]interfaces
}

// interfaces are the methods of one object by interface.
type interfaces map[string]methods

func newObjects(s *session) *objects {
	parent := func(children ...string) interfaces {
		return interfaces{
			introspectableInterface: introspectMethods(parentXML(children...)),
			ourPeer:                 peerMethods(),
		}
	}
	return &objects{s, map[dbus.ObjectPath]interfaces{
		"/":                parent("io", "org"),
		"/org":             parent("freedesktop"),
		"/org/freedesktop": parent("LogControl1"),
		"/io":              parent("github"),
		"/io/github":       parent("syscountd1"),
		ObjectPath: {
			Interface:               managerMethods(),
			propertiesInterface:     propertyMethods(Interface, managerProperties(), ""),
			introspectableInterface: introspectMethods(contractXML),
			ourPeer:                 peerMethods(),
		},
		logControlPath: {
			logControlInterface:     methods{},
			propertiesInterface:     propertyMethods(logControlInterface, logControlProperties(), actionManage),
			introspectableInterface: introspectMethods(logControlXML),
			ourPeer:                 peerMethods(),
		},
	}}
}

// LookupObject implements dbus.Handler. A path without an object is answered by
// absent, because godbus' own answer has a name that is not the standard's.
func (o *objects) LookupObject(path dbus.ObjectPath) (dbus.ServerObject, bool) {
	ifaces, ok := o.byPath[path]
	if !ok {
		return absent{o.session, path}, true
	}
	return object{o.session, ifaces}, true
}

type object struct {
	session *session
	ifaces  interfaces
}

// LookupInterface implements dbus.ServerObject. A call may leave its interface
// out; the method is then looked up in all of them, whose names do not collide.
func (o object) LookupInterface(name string) (dbus.Interface, bool) {
	if name != "" {
		m, ok := o.ifaces[name]
		return methodSet{o.session, m}, ok
	}
	all := methods{}
	for _, ms := range o.ifaces {
		for name, m := range ms {
			all[name] = m
		}
	}
	return methodSet{o.session, all}, true
}

type methodSet struct {
	session *session
	methods methods
}

// LookupMethod implements dbus.Interface.
func (s methodSet) LookupMethod(name string) (dbus.Method, bool) {
	m, ok := s.methods[name]
	return &call{s.session, name, m}, ok
}

// absent stands for an object that we do not have: every call is refused, except
// those of org.freedesktop.DBus.Peer, which by the specification any path answers.
type absent struct {
	session *session
	path    dbus.ObjectPath
}

func (a absent) LookupInterface(name string) (dbus.Interface, bool) {
	if name == ourPeer {
		return methodSet{a.session, peerMethods()}, true
	}
	return a, true
}

func (a absent) LookupMethod(string) (dbus.Method, bool) { return a, true }

func (a absent) DecodeArguments(*dbus.Conn, string, *dbus.Message, []any) ([]any, error) {
	return nil, busError(refuse(errUnknownObject, "there is no object %s; ours is %s", quote(string(a.path)), ObjectPath))
}

func (a absent) Call(...any) ([]any, error) { return nil, nil }
func (a absent) NumArguments() int          { return 0 }
func (a absent) NumReturns() int            { return 0 }
func (a absent) ArgumentValue(int) any      { return nil }
func (a absent) ReturnValue(int) any        { return nil }
