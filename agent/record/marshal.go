package record

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// MaxLine is the longest line in bytes: journalctl -o json leaves out fields
// over 4096 bytes (man journalctl, --all), and the field's name and the
// journal's own overhead want some room.
const MaxLine = 3500

// Marshal gives a stamped record as one line of JSON, without the newline. All
// texts in it are clean, see Clean. A line that would be longer than MaxLine has
// its long parts cut and their paths in the key "truncated": the command line
// first, then the end of the stack and the beginning of paths, then what is longest. A histogram is not cut but made
// coarser, so that no count is lost. The record is left unchanged.
func Marshal(r Record) []byte {
	c, parts := copyOf(r)
	line := encode(c)
	if len(line) <= MaxLine {
		return line
	}
	parts = byRank(parts)
	for _, floor := range floors {
		for len(line) > MaxLine {
			before := len(line)
			if line = shrink(c, parts, line, floor); len(line) >= before {
				break
			}
		}
	}
	return line
}

// shrink cuts parts, in their order, until the line fits. It keeps count of the
// line's length: to encode it after every cut would let a process with long
// names burn our CPU.
func shrink(r Record, parts []part, line []byte, f floor) []byte {
	head, size := r.Head(), len(line)
	for _, p := range parts {
		over := size - MaxLine
		if over <= 0 {
			break
		}
		// The path in "truncated" takes room as well.
		told := len(p.path) + len(`"",`)
		switch {
		case slices.Contains(head.Truncated, p.path):
			told = 0
		case head.Truncated == nil:
			told += len(`"truncated":[],`)
		}
		freed := p.shrink(over+told, f)
		if freed <= 0 {
			continue
		}
		size -= freed
		if told > 0 {
			head.Truncated = append(head.Truncated, p.path)
			size += told
		}
	}
	if size == len(line) {
		return line
	}
	return encode(r)
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
func encodedLen(v reflect.Value) int {
	if v.Kind() == reflect.String { // a clean one: JSON escapes nothing else in it
		s := v.String()
		return len(s) + len(`""`) + strings.Count(s, `"`) + strings.Count(s, `\`)
	}
	return len(encode(v.Interface()))
}
