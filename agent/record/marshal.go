package record

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// MaxLine is the longest line in bytes: journalctl -o json leaves out fields
// over 4096 bytes (man journalctl, --all), and the field's name and the
// journal's own overhead want some room.
const MaxLine = 3500

// Marshal gives a stamped record as one line of JSON, without the newline. All
// texts in it are clean, see Clean. A line that would be longer than MaxLine has
// its long parts cut and their paths in the key "truncated": the command line
// first, then paths, then what is longest. A histogram is not cut but made
// coarser, so that no count is lost. The record is left unchanged.
func Marshal(r Record) []byte {
	c, parts := copyOf(r)
	line := encode(c)
	if len(line) <= MaxLine {
		return line
	}
	for _, p := range byRank(parts) {
		over := len(line) - MaxLine
		if over <= 0 {
			break
		}
		head := c.Head()
		// The path in "truncated" takes room as well.
		if p.shrink(over + len(p.path) + len(`"truncated":["",],`)) {
			head.Truncated = append(head.Truncated, p.path)
			line = encode(c)
		}
	}
	return line
}

// encode cannot fail: records hold texts, integers and booleans only, which
// TestTypes sees to.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("encode record: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// encodedLen is the room that a value takes in the line.
func encodedLen(v reflect.Value) int { return len(encode(v.Interface())) }
