package dbusapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// defaultAddress is the system bus where DBUS_SYSTEM_BUS_ADDRESS is not set; see
// dbus-daemon(1).
const defaultAddress = "unix:path=/run/dbus/system_bus_socket"

// SystemAddress is the address of the system bus: that of the environment, or
// the usual one.
func SystemAddress() string {
	if address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" {
		return address
	}
	return defaultAddress
}

// dial connects to the first address of a ;-separated list that answers.
func dial(ctx context.Context, addresses string) (*net.UnixConn, error) {
	var failed []error
	for address := range strings.SplitSeq(addresses, ";") {
		path, err := socketPath(address)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		sock, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return sock.(*net.UnixConn), nil // the network "unix" has no other
		}
		failed = append(failed, &dialError{path, err})
	}
	return nil, errors.Join(failed...)
}

// dialError says in few words why there is no connection to a socket.
type dialError struct {
	path string
	err  error
}

func (e *dialError) Unwrap() error { return e.err }

func (e *dialError) Error() string {
	var errno syscall.Errno
	switch {
	case errors.Is(e.err, fs.ErrNotExist):
		return e.path + " does not exist"
	case errors.As(e.err, &errno):
		return e.path + ": " + errno.Error()
	}
	return e.err.Error()
}

// socketPath gives the socket of a D-Bus address in the notation of package net:
// @ stands for the abstract name space. A system bus listens on nothing else.
func socketPath(address string) (string, error) {
	keys, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return "", fmt.Errorf("bus address %q: give unix:path=... or unix:abstract=...", address)
	}
	for pair := range strings.SplitSeq(keys, ",") {
		key, value, _ := strings.Cut(pair, "=")
		value, err := dbus.UnescapeBusAddressValue(value)
		if err != nil {
			return "", fmt.Errorf("bus address %q: %w", address, err)
		}
		switch key {
		case "path":
			return value, nil
		case "abstract":
			return "@" + value, nil
		}
	}
	return "", fmt.Errorf("bus address %q has neither path nor abstract", address)
}
