// Package dbusapi is the D-Bus face of syscountd: the service that the daemon
// runs and the client that syscountctl uses. The contract is the embedded XML
// file; this package translates between it and agent.Agent, checks types and
// callers, and holds no policy of its own.
package dbusapi

import (
	_ "embed"

	"github.com/godbus/dbus/v5"
)

// The names on the bus.
const (
	BusName                    = "io.github.syscountd1"
	ObjectPath dbus.ObjectPath = "/io/github/syscountd1"
	Interface                  = "io.github.syscountd1.Manager"
)

// The standard interfaces that the object has besides its own.
const (
	propertiesInterface     = "org.freedesktop.DBus.Properties"
	introspectableInterface = "org.freedesktop.DBus.Introspectable"
	peerInterface           = "org.freedesktop.DBus.Peer"
)

//go:embed io.github.syscountd1.xml
var contractXML string

// Contract returns the introspection XML of the object, as served and as installed.
func Contract() string { return contractXML }
