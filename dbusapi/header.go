package dbusapi

import (
	"github.com/godbus/dbus/v5"
)

// The parts of a message on the wire (D-Bus specification, "Message Format"): a head
// of 16 bytes that tells the lengths, the header fields, an array of a(yv) padded to
// 8 bytes, and the body, which has the arguments.

// headLength is the part of a message that tells its lengths.
const headLength = 16

// lengths of a message's parts, in bytes.
type lengths struct {
	unpadded uint64 // of the header fields
	fields   uint64 // the same with the padding
	body     uint64
}

// total is 8 GiB at most.
func (l lengths) total() uint64 { return headLength + l.fields + l.body }

func lengthsOf(head []byte) lengths {
	order := byteOrder(head)
	l := lengths{unpadded: uint64(order.Uint32(head[12:])), body: uint64(order.Uint32(head[4:]))}
	l.fields = (l.unpadded + 7) &^ 7
	return l
}

// withoutBody makes a message without arguments of one that has them: the fields
// that speak of them, signature and number of descriptors, go too. It is nil when
// the fields are malformed.
func withoutBody(message []byte, l lengths) []byte {
	order := byteOrder(message)
	fields := message[headLength : headLength+l.unpadded]
	out := make([]byte, headLength, headLength+l.fields)
	copy(out, message)
	end := len(out) // without the last padding
	for at := 0; at < len(fields); {
		n := fieldLength(fields[at:], order.Uint32)
		if n == 0 {
			return nil
		}
		padded := min(at+(n+7)&^7, len(fields)) // the first field begins at a multiple of 8
		switch dbus.HeaderField(fields[at]) {
		case dbus.FieldSignature, dbus.FieldUnixFDs:
		default:
			end = len(out) + n
			out = append(out, fields[at:at+n]...)
			for len(out)%8 != 0 {
				out = append(out, 0)
			}
		}
		at = padded
	}
	order.PutUint32(out[4:], 0)
	order.PutUint32(out[12:], uint32(end-headLength))
	return out
}

// fieldLength is the length of the first header field: its number, its type, which
// is one of o, s, g and u, and its value. 0: malformed.
func fieldLength(b []byte, number func([]byte) uint32) int {
	if len(b) < 5 || b[1] != 1 || b[3] != 0 {
		return 0
	}
	n := 0
	switch b[2] {
	case 'u':
		n = 8
	case 'g':
		n = 4 + 1 + int(b[4]) + 1
	case 'o', 's':
		if len(b) < 8 {
			return 0
		}
		length := number(b[4:])
		if uint64(length) > uint64(len(b)) {
			return 0
		}
		n = 8 + int(length) + 1
	}
	if n > len(b) {
		return 0
	}
	return n
}
