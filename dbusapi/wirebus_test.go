package dbusapi

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"
)

// wireBus is a bus with one client, the service: it logs that in, answers what it asks,
// counts what it answers, and sends it whatever the test says.
type wireBus struct {
	address    string
	calls      chan []byte   // whole messages, of the test
	replies    chan []byte   // to the service; never full, since it asks for maxInside calls only
	read       chan struct{} // closed: go on reading when the service has its name
	gone       chan struct{} // closed: the service is not there any more
	answers    atomic.Uint32
	goroutines atomic.Int64 // the most at any answer
}

func listenAsBus(t *testing.T) *wireBus {
	t.Helper()
	dir, err := os.MkdirTemp("", "wirebus") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "bus")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	b := &wireBus{address: "unix:path=" + path, read: make(chan struct{}), gone: make(chan struct{}),
		calls: make(chan []byte, 1), replies: make(chan []byte, 2*maxInside)}
	go func() {
		defer close(b.gone)
		sock, err := listener.Accept()
		if err != nil {
			return
		}
		defer sock.Close()
		b.serve(t, sock)
	}()
	t.Cleanup(func() {
		listener.Close()
		<-b.gone
	})
	return b
}

// call sends calls, whole messages, unless the service is gone.
func (b *wireBus) call(messages []byte) {
	select {
	case b.calls <- messages:
	case <-b.gone:
	}
}

// serve reads until the service is gone. Its reader never waits for its writer, as a bus daemon's
// does not: the service's waits for its own.
func (b *wireBus) serve(t *testing.T, sock net.Conn) {
	in := bufio.NewReader(sock)
	if err := login(in, sock); err != nil {
		t.Errorf("log the service in: %v", err)
		return
	}
	go b.write(sock)
	for {
		msg, err := dbus.DecodeMessage(in)
		if err != nil {
			return // it has hung up
		}
		if msg.Type == dbus.TypeMethodCall {
			b.asked(t, msg)
		} else {
			b.answered(t, msg)
		}
	}
}

// write writes until the service is gone.
func (b *wireBus) write(sock net.Conn) {
	for {
		var messages []byte
		select {
		case messages = <-b.replies:
		case messages = <-b.calls:
		case <-b.gone:
			return
		}
		if _, err := sock.Write(messages); err != nil {
			return
		}
	}
}

// login is the server's side of the authentication.
func login(in *bufio.Reader, sock net.Conn) error {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer := "ERROR\r\n"
		switch strings.Trim(line, "\x00\r\n") {
		case "AUTH":
			answer = "REJECTED EXTERNAL\r\n"
		case "AUTH EXTERNAL":
			answer = "OK 0123456789abcdef0123456789abcdef\r\n"
		case "BEGIN":
			return nil
		}
		if _, err := sock.Write([]byte(answer)); err != nil {
			return err
		}
	}
}

// asked answers a call of the service to the bus.
func (b *wireBus) asked(t *testing.T, call *dbus.Message) {
	var body any
	member, _ := call.Headers[dbus.FieldMember].Value().(string)
	switch member {
	case "Hello":
		body = ":1.0"
	case "RequestName":
		body = uint32(dbus.RequestNameReplyPrimaryOwner)
	case "GetConnectionCredentials":
		body = map[string]dbus.Variant{"UnixUserID": dbus.MakeVariant(uint32(os.Getuid()))}
	default:
		t.Errorf("the service calls %s", member)
		return
	}
	b.replies <- wire(t, &dbus.Message{Type: dbus.TypeMethodReply, Body: []any{body}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body))}})
	if member == "RequestName" {
		select {
		case <-b.read:
		case <-t.Context().Done():
		}
	}
}

// answered counts an answer of the service.
func (b *wireBus) answered(t *testing.T, msg *dbus.Message) {
	name, _ := msg.Headers[dbus.FieldErrorName].Value().(string)
	if !mayBe(name) && name != standardError+"UnknownMethod" {
		t.Errorf("a call is answered by %s %v", name, msg.Body)
	}
	if serial, _ := msg.Headers[dbus.FieldReplySerial].Value().(uint32); serial < silentSerial {
		b.answers.Add(1)
	}
	if n := int64(runtime.NumGoroutine()); n > b.goroutines.Load() {
		b.goroutines.Store(n)
	}
}

// fromSender is a call of one of many senders on the wire.
func fromSender(t *testing.T, sender int, member, iface string, flags dbus.Flags, body ...any) []byte {
	t.Helper()
	msg := &dbus.Message{Type: dbus.TypeMethodCall, Flags: flags, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(ObjectPath), dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member),
		dbus.FieldSender: dbus.MakeVariant(fmt.Sprintf(":1.%d", sender+1))}}
	if len(body) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return wire(t, msg)
}

// wire is a message as bytes.
func wire(t *testing.T, msg *dbus.Message) []byte {
	var out bytes.Buffer
	if err := msg.EncodeTo(&out, binary.LittleEndian); err != nil {
		t.Errorf("encode: %v", err)
	}
	return out.Bytes()
}
