package dbusapi

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/godbus/dbus/v5"
)

// The longest messages that are let in, in bytes.
const (
	// The service's: what any local user may make it hold in memory. A filter of
	// 10,000 units is a third of it.
	maxRequest = 1 << 20
	// The client's: the protocol's own limit. It trusts the service.
	maxReply = 1 << 27
)

// guard stands between the socket and godbus, and drops the messages that godbus
// would end the connection for, or that are too long. A dict with keys of type b
// is such a message: valid to the bus, not to godbus, and without the guard any
// local user could keep the service off the bus with it. The sender of a dropped
// message gets no answer.
type guard struct {
	in    *bufio.Reader
	limit uint64
	out   bytes.Reader // what was let in and is not read yet
}

func newGuard(in io.Reader, limit uint64) *guard {
	return &guard{in: bufio.NewReader(in), limit: limit}
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	for g.out.Len() == 0 {
		unit, err := g.next()
		if err != nil {
			return 0, err
		}
		g.out.Reset(unit)
	}
	return g.out.Read(p)
}

// next reads one line of the authentication or one message; nothing of a message
// that is dropped. The two are told apart by their first byte: a message begins
// with l or B for its byte order, a line of the server with the R, O, D, E or A of
// its commands (D-Bus specification, "Message Format", "Authentication Protocol").
func (g *guard) next() ([]byte, error) {
	first, err := g.in.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] != 'l' && first[0] != 'B' {
		line, err := g.in.ReadSlice('\n')
		return bytes.Clone(line), err
	}
	head, err := g.in.Peek(headLength)
	if err != nil {
		return nil, noEOF(err)
	}
	length := messageLength(head)
	if length > g.limit {
		_, err := io.CopyN(io.Discard, g.in, int64(length))
		return nil, noEOF(err)
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(g.in, message); err != nil {
		return nil, noEOF(err)
	}
	if digest(message, dbus.DecodeMessage) != nil {
		return nil, nil
	}
	return message, nil
}

// headLength is the part of a message that tells its length.
const headLength = 16

// messageLength reads the length of a message, 8 GiB at most, from its head: the
// fixed part, the header fields padded to 8 bytes, and the body.
func messageLength(head []byte) uint64 {
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'B' {
		order = binary.BigEndian
	}
	body, fields := uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[12:]))
	return headLength + (fields+7)&^7 + body
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
