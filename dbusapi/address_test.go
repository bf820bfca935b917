package dbusapi

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSystemAddressComesFromTheEnvironment(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/a")
	if got := SystemAddress(); got != "unix:path=/a" {
		t.Error(got)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "")
	if got := SystemAddress(); got != "unix:path=/run/dbus/system_bus_socket" {
		t.Error(got)
	}
}

func TestSocketPathReadsUnixAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"unix:path=/run/bus":             "/run/bus",
		"unix:path=/run/a%20b,guid=0123": "/run/a b",
		"unix:guid=0123,path=/run/bus":   "/run/bus",
		"unix:abstract=/tmp/dbus-x":      "@/tmp/dbus-x",
		"unix:path=/bad%zz":              "",
		"unix:runtime=yes":               "",
		"unix:":                          "",
		"tcp:host=localhost,port=1":      "",
		"unixexec:path=/bin/sh,argv1=-c": "",
		"":                               "",
		"/run/bus":                       "",
	} {
		got, err := socketPath(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("socketPath(%q) = %q, %v; want %q", address, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), `"`+address+`"`) {
			t.Errorf("the error does not repeat %q: %v", address, err)
		}
	}
}

func TestDialTakesTheFirstAddressThatAnswers(t *testing.T) {
	dir, err := os.MkdirTemp("", "dial")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sock, err := dial(t.Context(), "tcp:host=x;unix:path="+dir+"/none;unix:path="+path)
	if err != nil {
		t.Fatal(err)
	}
	sock.Close()
	_, err = dial(t.Context(), "tcp:host=x;unix:path="+dir+"/none")
	if err == nil || !strings.Contains(err.Error(), "tcp:host=x") || !strings.Contains(err.Error(), dir+"/none") {
		t.Errorf("both reasons should be named: %v", err)
	}
}
