package dbusapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/godbus/dbus/v5"
)

// The longest messages that are let in, in bytes.
const (
	// The service's: what any local user may make it hold in memory, for each call in
	// work. A filter as large as one can be, with names of usual length, is a tenth of it.
	maxRequest = 256 << 10
	// The client's: the protocol's own limit. It trusts the service.
	maxReply = 1 << 27
)

// maxLine bounds a line of the authentication; the server's have some 50 bytes.
const maxLine = 4096

// guard stands between the socket and godbus, and takes the arguments out of the
// messages that godbus would end the connection for, or that are too long. A dict
// with keys of type b is such a message: valid to the bus, not to godbus, and
// without the guard any local user could keep the service off the bus with it. The
// rest of the message is let in, for its sender to get an answer.
//
// It reads no byte beyond a message: so the file descriptors that came meanwhile
// belong to it.
type guard struct {
	in      source
	limit   uint64
	out     bytes.Reader // what was let in and is not read yet
	files   []*os.File   // that came with the message
	refused error        // why the message has no arguments
}

// source is what a guard reads from.
type source interface {
	io.Reader
	// takeFiles gives the descriptors that came since the last time.
	takeFiles() []*os.File
}

func newGuard(in source, limit uint64) *guard { return &guard{in: in, limit: limit} }

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	for g.out.Len() == 0 {
		closeFiles(g.files)
		unit, err := g.next()
		g.files = g.in.takeFiles()
		if err != nil {
			closeFiles(g.files)
			return 0, err
		}
		g.out.Reset(unit)
	}
	return g.out.Read(p)
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// next reads one line of the authentication or one message; nothing of a message
// that cannot be let in at all. The two are told apart by their first byte: a message begins
// with l or B for its byte order, a line of the server with the R, O, D, E or A of
// its commands (D-Bus specification, "Message Format", "Authentication Protocol").
func (g *guard) next() ([]byte, error) {
	g.refused = nil
	head := make([]byte, 1, headLength)
	if _, err := io.ReadFull(g.in, head); err != nil {
		return nil, err
	}
	if head[0] != 'l' && head[0] != 'B' {
		return g.line(head)
	}
	head = head[:headLength]
	if _, err := io.ReadFull(g.in, head[1:]); err != nil {
		return nil, noEOF(err)
	}
	l := lengthsOf(head)
	if l.total() > g.limit {
		return g.cut(head, l)
	}
	message := append(head, make([]byte, l.total()-headLength)...)
	if _, err := io.ReadFull(g.in, message[headLength:]); err != nil {
		return nil, noEOF(err)
	}
	message[2] &= knownFlags
	if digest(message, dbus.DecodeMessage) == nil {
		return message, nil
	}
	return g.strip(message, l, "the arguments have types that are not understood here"), nil
}

// knownFlags are those that godbus knows; it ignores a message with others, which are
// to be ignored themselves.
const knownFlags = byte(dbus.FlagNoReplyExpected | dbus.FlagNoAutoStart | dbus.FlagAllowInteractiveAuthorization)

// line reads the rest of a line of the authentication.
func (g *guard) line(line []byte) ([]byte, error) {
	var b [1]byte
	for line[len(line)-1] != '\n' {
		if len(line) == maxLine {
			return nil, fmt.Errorf("log in to the bus: a line of more than %d bytes", maxLine)
		}
		if _, err := io.ReadFull(g.in, b[:]); err != nil {
			return nil, noEOF(err)
		}
		line = append(line, b[0])
	}
	return line, nil
}

// maxFields bounds the header fields of a message that is too long: names, all of
// them. What has more is dropped.
const maxFields = 1 << 14

// cut reads a message that is too long, and keeps what is before its arguments.
func (g *guard) cut(head []byte, l lengths) ([]byte, error) {
	keep := l.fields
	if keep > maxFields {
		keep = 0
	}
	message := append(head, make([]byte, keep)...)
	if _, err := io.ReadFull(g.in, message[headLength:]); err != nil {
		return nil, noEOF(err)
	}
	if _, err := io.CopyN(io.Discard, g.in, int64(l.total()-headLength-keep)); err != nil {
		return nil, noEOF(err)
	}
	if keep == 0 {
		return nil, nil
	}
	return g.strip(message, l, fmt.Sprintf("a message of %d bytes is too long; at most %d are allowed", l.total(), g.limit)), nil
}

// strip is the message without its arguments; nil when that is none either.
func (g *guard) strip(message []byte, l lengths, why string) []byte {
	message = withoutBody(message, l)
	if message == nil || digest(message, dbus.DecodeMessage) != nil {
		return nil
	}
	g.refused = errors.New(why)
	return message
}

// digest tries what godbus will do with the message: decode.
func digest(message []byte, decode func(io.Reader) (*dbus.Message, error)) (err error) {
	defer func() {
		if p := recover(); p != nil { // in godbus' goroutine it would be our end
			err = fmt.Errorf("decode a message: %v", p)
		}
	}()
	rest := bytes.NewReader(message)
	if _, err := decode(rest); err != nil {
		return err
	}
	if rest.Len() > 0 {
		return errors.New("decode a message: it is shorter than it says")
	}
	return nil
}

// noEOF: the end in the middle of a message is not a clean one.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// byteOrder of a message is its first byte.
func byteOrder(head []byte) binary.ByteOrder {
	if head[0] == 'B' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
