package record

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes a text harmless to show: what is not UTF-8 becomes \xNN; control
// characters, line and paragraph separators, and the invisible format characters
// (among them those that turn the direction of writing) become \xNN, \uNNNN or
// \UNNNNNNNN. So neither a JSON reader nor the terminal behind `jq -r .msg` can
// be made to do something by a process that chose its name well.
//
// A backslash stays as it is: unit names are full of them (dev-disk-by\x2duuid)
// and have to match. The escaping is for eyes and cannot be undone.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			escape(&b, 'x', rune(s[i]), 2)
		case isHarmless(r):
			b.WriteString(s[i : i+size])
		case r <= 0x7f:
			escape(&b, 'x', r, 2)
		case r <= 0xffff:
			escape(&b, 'u', r, 4)
		default:
			escape(&b, 'U', r, 8)
		}
		i += size
	}
	return b.String()
}

// escape is fmt's `\x%02x`, which was half of the cost of a hostile record.
func escape(b *strings.Builder, letter byte, r rune, digits int) {
	b.WriteByte('\\')
	b.WriteByte(letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b.WriteByte("0123456789abcdef"[r>>shift&0xf])
	}
}

func isClean(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !isHarmless(r) }) < 0
}

// isHarmless refuses the classes control, format, line separator and paragraph
// separator of Unicode.
func isHarmless(r rune) bool {
	return ' ' <= r && r <= '~' || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// mark stands where a text was cut.
const mark = "…"

// cutText cuts a clean text to at most size bytes, mark included, between two
// characters and not inside of an escape.
func cutText(s string, size int) string {
	if len(s) <= size {
		return s
	}
	end := max(size-len(mark), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	// The longest escape is \UNNNNNNNN.
	if i := strings.LastIndexByte(s[:end], '\\'); i >= 0 && end-i < escapeLen(s[i:]) {
		end = i
	}
	return s[:end] + mark
}

// cutStart is cutText at the other end: the last part of a path tells most.
func cutStart(s string, size int) string {
	if len(s) <= size {
		return s
	}
	start := min(len(s)-size+len(mark), len(s))
	if i := strings.LastIndexByte(s[:start], '\\'); i >= 0 && start-i < escapeLen(s[i:]) {
		start = i + escapeLen(s[i:])
	}
	for start < len(s) && !utf8.RuneStart(s[start]) {
		start++
	}
	return mark + s[min(start, len(s)):]
}

// escapeLen is the length of the escape that a text begins with.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 1
}
