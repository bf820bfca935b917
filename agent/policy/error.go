package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error says what is wrong with a policy, in one sentence.
type Error struct {
	File   string // as it was given; may be empty
	Line   int    // from 1; 0 when it is about the whole file
	Column int    // in bytes from 1; 0 as Line
	Key    string // such as collect.interval or rule[2] "sync": syscalls (rules count from 1)
	Value  string // as TOML would spell it; empty where the reason repeats it
	Reason string // what is wrong, and what is allowed

	source string // the text of the file, for Snippet
	cause  error  // of one of reading; or nil
}

// Unwrap gives what the reading of a file failed with.
func (e *Error) Unwrap() error { return e.cause }

// readError says that a file or a directory of the policy cannot be read.
func readError(path string, err error) *Error {
	reason := err
	var at *fs.PathError
	if errors.As(err, &at) {
		reason = at.Err // without the path once more
	}
	return &Error{File: path, Reason: printable("cannot be read: " + reason.Error()), cause: err}
}

// Error gives file:line: key = value: reason.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(printable(e.File))
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	} else if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		if e.Value != "" {
			b.WriteString(" = " + e.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// maxShown is how much of a wrong value a sentence repeats, in bytes.
const maxShown = 60

// shown spells a TOML value for a sentence: strings quoted, with all that could
// disturb a terminal escaped, and cut.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > maxShown {
			return strconv.Quote(v[:maxShown]) + "..."
		}
		return strconv.Quote(v)
	case int64, bool:
		return fmt.Sprint(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return "a date"
	case []any, []map[string]any:
		return "an array"
	}
	return "a table"
}

// printable replaces what could disturb a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// oneOf says which words are allowed: "a", "b" or "c".
func oneOf(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
