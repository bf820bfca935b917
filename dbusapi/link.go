package dbusapi

import (
	"bytes"
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

// stream is what godbus reads and writes. It is no unix socket to godbus, which
// leaves file descriptors to us: see fdSource.
type stream struct {
	*guard
	net.Conn
	calls   *backlog
	wantFDs bool
}

func (s *stream) Read(p []byte) (int, error) { return s.guard.Read(p) }

// begin is the last line of the client's authentication.
const begin = "BEGIN\r\n"

// Write asks for descriptors, if they are wanted, at the last moment when that can be
// asked (D-Bus specification, "Command: NEGOTIATE_UNIX_FD").
func (s *stream) Write(p []byte) (int, error) {
	if s.wantFDs && string(p) == begin {
		s.wantFDs = false
		if err := s.negotiate(); err != nil {
			return 0, err
		}
	}
	n, err := s.Conn.Write(p) // godbus writes a message at once
	if s.calls != nil && isAnswer(p) {
		s.calls.leave()
	}
	return n, err
}

// Close also frees the reader, which may wait for answers that nobody writes now.
func (s *stream) Close() error {
	if s.calls != nil {
		s.calls.close()
	}
	return s.Conn.Close()
}

// negotiate leaves it to the bus: without descriptors only one method is missing.
func (s *stream) negotiate() error {
	if _, err := io.WriteString(s.Conn, "NEGOTIATE_UNIX_FD\r\n"); err != nil {
		return err
	}
	answer, err := s.guard.next()
	if err == nil && !bytes.HasPrefix(answer, []byte("AGREE_UNIX_FD")) && !bytes.HasPrefix(answer, []byte("ERROR")) {
		err = fmt.Errorf("the bus answers %.40q to NEGOTIATE_UNIX_FD", answer)
	}
	return err
}

// linkKind is whose link it is.
type linkKind struct {
	limit uint64   // of a message, in bytes
	calls *backlog // the service's, to which they come, with descriptors; nil: a client's
}

// connect opens a link and runs greet on it, such as taking a name, all within
// handshakeTimeout. Nothing is left open on an error.
func connect(ctx context.Context, address string, kind linkKind, greet func(context.Context, *link) error, opts ...dbus.ConnOption) (_ *link, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	sock, err := dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { sock.Close() })
	defer stop()
	var in source = noFDs{sock}
	if kind.calls != nil {
		in = &fdSource{sock: sock}
	}
	g := newGuard(in, kind.limit)
	if kind.calls != nil {
		opts = append(opts, dbus.WithIncomingInterceptor(func(msg *dbus.Message) { prepare(g, kind.calls, msg) }))
	}
	conn, err := dbus.NewConn(&stream{guard: g, Conn: sock, calls: kind.calls, wantFDs: kind.calls != nil}, opts...)
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
	if IsNameError(err) {
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
