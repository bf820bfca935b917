// Package journal writes to the systemd journal by its native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), and never waits for it.
//
// go-systemd's journal.Send is not used: it binds a socket, and it blocks
// without a deadline when journald hangs.
package journal

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Field is one field of an entry. The value may be any bytes.
type Field struct {
	Name  string // A-Z, 0-9 and _, at most 64; not beginning with _ or a digit
	Value string
}

// Entry is a journal entry; see systemd.journal-fields(7) for the names of its
// fields.
type Entry []Field

// encode gives the datagram for an entry. A value with a newline has its length
// in front, so that no value can bring in another field.
func (e Entry) encode() ([]byte, error) {
	if len(e) == 0 {
		return nil, fmt.Errorf("encode journal entry: no fields")
	}
	var b []byte
	for _, f := range e {
		if !validName(f.Name) {
			return nil, fmt.Errorf("encode journal entry: field name %q: must be 1 to 64 of A-Z, 0-9 and _, and begin with a letter", f.Name)
		}
		b = append(b, f.Name...)
		if strings.Contains(f.Value, "\n") {
			b = append(b, '\n')
			b = binary.LittleEndian.AppendUint64(b, uint64(len(f.Value)))
		} else {
			b = append(b, '=')
		}
		b = append(b, f.Value...)
		b = append(b, '\n')
	}
	return b, nil
}

// validName is journal_field_valid of systemd (src/libsystemd/sd-journal):
// journald would ignore a field with another name, without a word.
func validName(name string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return name != "" && len(name) <= 64 &&
		name[0] >= 'A' && name[0] <= 'Z' && strings.Trim(name, allowed) == ""
}
