package dbusapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/godbus/dbus/v5"
)

// encoded is a method call on the wire; godbus gives serials only to messages
// that it sends, so this one has 0.
func encoded(t *testing.T, order binary.ByteOrder, body ...any) []byte {
	t.Helper()
	msg := &dbus.Message{Type: dbus.TypeMethodCall, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(ObjectPath), dbus.FieldMember: dbus.MakeVariant("Start")}}
	if len(body) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	var out bytes.Buffer
	if err := msg.EncodeTo(&out, order); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// boolKeys is a call with a{bs}, which godbus cannot even encode: a{ys} with the
// signature rewritten, and without entries, so that the body is right for both.
func boolKeys(t *testing.T) []byte {
	t.Helper()
	message := encoded(t, binary.LittleEndian, map[byte]string{})
	broken := bytes.Replace(message, []byte("a{ys}"), []byte("a{bs}"), 1)
	if bytes.Equal(message, broken) {
		t.Fatal("no signature a{ys} in the message")
	}
	binary.LittleEndian.PutUint32(broken[4:], uint32(8+4+4+2)) // one entry: true, "x"
	body := len(message) - 8
	return append(broken[:body], 10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'x', 0)
}

func TestGuardLetsGoodMessagesThroughUnchanged(t *testing.T) {
	lines := "REJECTED EXTERNAL\r\nOK 0123\r\n"
	little, big := encoded(t, binary.LittleEndian, "x", uint32(1)), encoded(t, binary.BigEndian, []string{"y"})
	empty := encoded(t, binary.LittleEndian)
	want := concat([]byte(lines), little, big, empty)
	for name, in := range map[string]io.Reader{
		"at once":          bytes.NewReader(want),
		"byte by byte":     iotest.OneByteReader(bytes.NewReader(want)),
		"with data at end": iotest.DataErrReader(bytes.NewReader(want)),
	} {
		got, err := io.ReadAll(newGuard(in, maxRequest))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d of %d bytes came through, %v", name, len(got), len(want), err)
		}
	}
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestGuardDropsWhatGodbusCannotDigest(t *testing.T) {
	good := encoded(t, binary.LittleEndian, "x")
	flags := bytes.Clone(good)
	flags[2] = 0x80 // a flag of the future: godbus ignores the message itself
	kind := bytes.Clone(good)
	kind[1] = 9
	text := bytes.Clone(good)
	text[len(text)-2] = 0xff // "x" becomes invalid UTF-8; decoding does not mind
	short := bytes.Clone(good)
	binary.LittleEndian.PutUint32(short[4:], 2)
	for name, c := range map[string]struct {
		message []byte
		dropped bool
	}{
		"dict with bool keys":     {boolKeys(t), true},
		"unknown flag":            {flags, true},
		"unknown type":            {kind, true},
		"over the limit":          {encoded(t, binary.LittleEndian, strings.Repeat("x", 4096)), true},
		"over the limit, big":     {encoded(t, binary.BigEndian, strings.Repeat("x", 4096)), true},
		"invalid UTF-8":           {text, false},
		"under the limit":         {encoded(t, binary.LittleEndian, strings.Repeat("x", 3000)), false},
		"body shorter than types": {short[:len(short)-4], true},
	} {
		got, err := io.ReadAll(newGuard(bytes.NewReader(concat(good, c.message, good)), 4096))
		want := concat(good, good)
		if !c.dropped {
			want = concat(good, c.message, good)
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, want %d; %v", name, len(got), len(want), err)
		}
	}
}

func TestGuardReportsAStreamThatIsCut(t *testing.T) {
	good := encoded(t, binary.LittleEndian, "x")
	long := encoded(t, binary.LittleEndian, strings.Repeat("x", 8192))
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"between messages":     {good, nil}, // ReadAll makes nil of io.EOF
		"in the head":          {good[:headLength-1], io.ErrUnexpectedEOF},
		"in the body":          {good[:len(good)-1], io.ErrUnexpectedEOF},
		"in a dropped message": {long[:len(long)-1], io.ErrUnexpectedEOF},
	} {
		if _, err := io.ReadAll(newGuard(bytes.NewReader(c.in), 4096)); !errors.Is(err, c.want) {
			t.Errorf("cut %s: %v, want %v", name, err, c.want)
		}
	}
	endless := io.MultiReader(strings.NewReader("OK "), bytes.NewReader(make([]byte, 1<<20)))
	if _, err := io.ReadAll(newGuard(endless, 4096)); err == nil {
		t.Error("a line without an end was read")
	}
}

// None is known that makes godbus panic; one that did would end the daemon.
func TestDigestSurvivesADecoderThatPanics(t *testing.T) {
	err := digest(nil, func(io.Reader) (*dbus.Message, error) { panic("reflect: no such kind") })
	if err == nil || err.Error() != "decode a message: reflect: no such kind" {
		t.Errorf("%v", err)
	}
}

func TestMessageLengthCannotOverflow(t *testing.T) {
	head := bytes.Repeat([]byte{0xff}, headLength)
	for order, want := range map[byte]uint64{'l': 16 + 1<<32 + 0xffffffff, 'B': 16 + 1<<32 + 0xffffffff} {
		head[0] = order
		if got := messageLength(head); got != want {
			t.Errorf("%c: %d, want %d", order, got, want)
		}
	}
}

// FuzzGuard: whatever arrives, the guard does not panic, and what it lets
// through godbus can decode.
func FuzzGuard(f *testing.F) {
	f.Add([]byte("OK 0123\r\nl\x01\x00\x01"))
	f.Add([]byte("l\x01\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("B\x01\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		g := newGuard(bytes.NewReader(in), 4096)
		for {
			unit, err := g.next()
			if err != nil {
				return
			}
			if len(unit) > 0 && (unit[0] == 'l' || unit[0] == 'B') {
				if _, err := dbus.DecodeMessage(bytes.NewReader(unit)); err != nil {
					t.Errorf("let through: %v", err)
				}
			}
		}
	})
}
