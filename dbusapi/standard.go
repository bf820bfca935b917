package dbusapi

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// introspectMethods is org.freedesktop.DBus.Introspectable of one object.
func introspectMethods(xml string) methods {
	return methods{
		"Introspect": {
			out: []arg{{"xml_data", "s"}},
			run: func(context.Context, *Service, agent.Caller, []any) ([]any, error) {
				return []any{xml}, nil
			},
		},
	}
}

// parentXML is the introspection data of a path above the object, so that
// `busctl tree` finds the way down.
func parentXML(children ...string) string {
	xml := "<node>\n"
	for _, child := range children {
		xml += fmt.Sprintf("  <node name=%q/>\n", child)
	}
	return xml + "</node>\n"
}

// peerMethods is org.freedesktop.DBus.Peer.
func peerMethods() methods {
	return methods{
		"Ping": {
			run: func(context.Context, *Service, agent.Caller, []any) ([]any, error) { return nil, nil },
		},
		"GetMachineId": {
			out: []arg{{"machine_uuid", "s"}},
			run: func(context.Context, *Service, agent.Caller, []any) ([]any, error) {
				id, err := machineID("/etc/machine-id", "/var/lib/dbus/machine-id")
				return []any{id}, err
			},
		},
	}
}

// machineID reads the first of files that there is; see machine-id(5).
func machineID(files ...string) (string, error) {
	var failed error
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			return printable(string(bytes.TrimSpace(text))), nil
		}
		if failed == nil {
			failed = err
		}
	}
	return "", fmt.Errorf("read the machine id: %w", failed)
}

// ourPeer is the name under which calls to org.freedesktop.DBus.Peer reach our
// own methods. godbus answers that interface itself, before it asks any handler,
// and its GetMachineId gives the id of the bus connection instead of the machine's.
const ourPeer = peerInterface + ".ours"

// prepare is the interceptor of the messages that come to the service; godbus calls
// it between two reads.
func prepare(g *guard, calls *backlog, msg *dbus.Message) {
	if g.refused != nil && msg.Type == dbus.TypeMethodCall {
		msg.Body = []any{stripped{g.refused}}
	}
	g.attachFiles(msg)
	closeFiles(g.files)
	g.files = nil
	reroutePeer(msg)
	if msg.Type == dbus.TypeMethodCall {
		calls.enter()
	}
}

// stripped stands for the arguments that a guard took out of a message.
type stripped struct{ why error }

// reroutePeer gives calls to the interface Peer another name.
func reroutePeer(msg *dbus.Message) {
	iface, _ := msg.Headers[dbus.FieldInterface].Value().(string)
	if msg.Type == dbus.TypeMethodCall && iface == peerInterface {
		msg.Headers[dbus.FieldInterface] = dbus.MakeVariant(ourPeer)
	}
}
