package dbusapi

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/godbus/dbus/v5"
)

// handshakeTimeout bounds what has to be done until a connection can be used. A
// healthy bus takes milliseconds; a hung one would take us with it.
const handshakeTimeout = 10 * time.Second

// link is one connection to a bus. The socket is kept beside godbus' connection
// because closing it is the only thing that frees a writer when the bus hangs:
// dbus.Conn.Close waits for that writer.
type link struct {
	conn *dbus.Conn
	sock net.Conn
}

// stream is what godbus reads and writes. It is no unix socket to godbus, and so
// no file descriptors are negotiated: godbus never closes those that it gets,
// and any local user could fill up our table with them.
type stream struct {
	io.Reader
	net.Conn
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }

// connect opens a link and runs greet on it, such as taking a name, all within
// handshakeTimeout. Messages over limit bytes are dropped. Nothing is left open
// on an error.
func connect(ctx context.Context, address string, limit uint64, greet func(context.Context, *link) error, opts ...dbus.ConnOption) (_ *link, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	sock, err := dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { sock.Close() })
	defer stop()
	conn, err := dbus.NewConn(stream{newGuard(sock, limit), sock}, opts...)
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	l := &link{conn, sock}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := conn.Auth(nil); err != nil {
		return nil, handshakeError(ctx, "log in to the bus", err)
	}
	if err := conn.Hello(); err != nil {
		return nil, handshakeError(ctx, "greet the bus", err)
	}
	if err := greet(ctx, l); err != nil {
		return nil, handshakeError(ctx, "talk to the bus", err)
	}
	if !stop() {
		return nil, handshakeError(ctx, "talk to the bus", ctx.Err())
	}
	return l, nil
}

// handshakeError says that it took too long where the closed socket is only the
// consequence.
func handshakeError(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if isFinal(err) {
		return err // its sentence needs no introduction
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// close ends the connection; everything that waits for it returns.
func (l *link) close() {
	l.sock.Close()
	l.conn.Close()
}

// lost is closed when the connection has ended, from either side.
func (l *link) lost() <-chan struct{} { return l.conn.Context().Done() }
