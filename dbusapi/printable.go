package dbusapi

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable makes text fit for the wire and for a terminal. A D-Bus string must
// be valid UTF-8 without NUL, or the bus daemon cuts the connection; a process
// or file name may hold any byte, and escape sequences besides. What cannot be
// printed becomes \n, \x1b, \xff or \u202e; everything else stays as it is.
func printable(s string) string {
	if isPrintable(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func isPrintable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// printables is printable for each of list; never nil.
func printables(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = printable(s)
	}
	return out
}

// maxQuoted is how much of a caller's own text an error repeats, in bytes.
const maxQuoted = 64

// quote repeats a caller's text in an error, cut if it is long.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}
