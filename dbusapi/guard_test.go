package dbusapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
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
		got, err := io.ReadAll(newGuard(noFDs{in}, maxRequest))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d of %d bytes came through, %v", name, len(got), len(want), err)
		}
	}
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestGuardTakesTheArgumentsOutOfWhatGodbusCannotDigest(t *testing.T) {
	good := encoded(t, binary.LittleEndian, "x")
	flags := bytes.Clone(good)
	flags[2] = 0x80 // a flag of the future: godbus would ignore the whole message
	kind := bytes.Clone(good)
	kind[1] = 9
	text := bytes.Clone(good)
	text[len(text)-2] = 0xff // "x" becomes invalid UTF-8; decoding does not mind
	short := bytes.Clone(good)
	binary.LittleEndian.PutUint32(short[4:], 2)
	const (
		whole = iota // as it came
		bare         // without its arguments
		none
	)
	unflagged := bytes.Clone(good)
	for name, c := range map[string]struct {
		message []byte
		want    int
		says    string
	}{
		"dict with bool keys":     {boolKeys(t), bare, "types that are not understood"},
		"unknown type":            {kind, none, ""},
		"over the limit":          {encoded(t, binary.LittleEndian, strings.Repeat("x", 4096)), bare, "is too long; at most 4096 are allowed"},
		"over the limit, big":     {encoded(t, binary.BigEndian, strings.Repeat("x", 4096)), bare, "is too long; at most 4096 are allowed"},
		"invalid UTF-8":           {text, whole, ""},
		"under the limit":         {encoded(t, binary.LittleEndian, strings.Repeat("x", 3000)), whole, ""},
		"body shorter than types": {short[:len(short)-4], bare, "types that are not understood"},
	} {
		g := newGuard(noFDs{bytes.NewReader(concat(good, c.message, good))}, 4096)
		for i, message := range [][]byte{good, c.message, good} {
			got, err := g.next()
			want := whole
			if i == 1 {
				want = c.want
			}
			switch {
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case want == whole && (!bytes.Equal(got, message) || g.refused != nil):
				t.Errorf("%s: message %d is not as it came: %q, refused %v", name, i, got, g.refused)
			case want == none && got != nil:
				t.Errorf("%s: let in as %q", name, got)
			case want == bare:
				wantBare(t, name, got)
				if g.refused == nil || !strings.Contains(g.refused.Error(), c.says) {
					t.Errorf("%s: refused because %v, want %s", name, g.refused, c.says)
				}
			}
		}
	}
	g := newGuard(noFDs{bytes.NewReader(flags)}, 4096)
	if got, err := g.next(); err != nil || !bytes.Equal(got, unflagged) || g.refused != nil {
		t.Errorf("unknown flag: %q, %v, refused %v", got, err, g.refused)
	}
}

// wantBare wants the call of encoded without arguments.
func wantBare(t *testing.T, name string, message []byte) {
	t.Helper()
	msg, err := dbus.DecodeMessage(bytes.NewReader(message))
	if err != nil {
		t.Errorf("%s: %v in %q", name, err, message)
		return
	}
	want := map[dbus.HeaderField]dbus.Variant{dbus.FieldPath: dbus.MakeVariant(ObjectPath), dbus.FieldMember: dbus.MakeVariant("Start")}
	if msg.Type != dbus.TypeMethodCall || len(msg.Body) != 0 || !reflect.DeepEqual(msg.Headers, want) {
		t.Errorf("%s: %+v, want a call with %v", name, msg, want)
	}
}

func TestMalformedFieldsAreNoMessage(t *testing.T) {
	message := encoded(t, binary.LittleEndian, strings.Repeat("x", 100))
	l := lengthsOf(message)
	for at := headLength; at < int(headLength+l.unpadded); at++ {
		for _, value := range []byte{0, 1, 0x7f, 0xff} {
			broken := bytes.Clone(message)
			broken[at] = value
			if out := withoutBody(broken, l); out != nil && len(out)%8 != 0 {
				t.Errorf("byte %d as %d: a message of %d bytes", at, value, len(out))
			}
		}
	}
	fields := []byte{1, 1, 'o', 0, 0xff, 0xff, 0xff, 0xff, '/'}
	if n := fieldLength(fields, binary.LittleEndian.Uint32); n != 0 {
		t.Errorf("a path of 4 GiB is a field of %d bytes", n)
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
		if _, err := io.ReadAll(newGuard(noFDs{bytes.NewReader(c.in)}, 4096)); !errors.Is(err, c.want) {
			t.Errorf("cut %s: %v, want %v", name, err, c.want)
		}
	}
	endless := io.MultiReader(strings.NewReader("OK "), bytes.NewReader(make([]byte, 1<<20)))
	if _, err := io.ReadAll(newGuard(noFDs{endless}, 4096)); err == nil {
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
		if got := lengthsOf(head).total(); got != want {
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
		g := newGuard(noFDs{bytes.NewReader(in)}, 4096)
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
