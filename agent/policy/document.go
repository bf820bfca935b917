package policy

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// readDocument checks the syntax and gives the values and their places. The text is no longer
// than MaxBytes.
func readDocument(file, text string) (map[string]any, *mark, *Error) {
	if isUTF16(text) { // the library would skip the mark and read on
		return nil, nil, &Error{File: file, Line: 1, Column: 1, Reason: "is UTF-16; TOML is UTF-8"}
	}
	text = strings.TrimPrefix(text, "\ufeff")
	root, s, ok := scan(text)
	if !ok {
		return nil, nil, syntaxError(file, s)
	}
	values := map[string]any{}
	if _, err := toml.Decode(text, &values); err != nil {
		e := libraryError(file, err)
		if again := s.twice.error(file, e); again != nil {
			e = again
		}
		return nil, nil, e
	}
	return values, root, nil
}

// isUTF16 says whether the text begins with a byte order mark of UTF-16.
func isUTF16(text string) bool {
	return strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff")
}

// syntaxError says why the scanner stopped. The library says it better, and
// gets the text up to that place and a little further: it must not go into the rest, which
// the scanner has not looked at.
func syntaxError(file string, s *scanner) *Error {
	own := &Error{File: file, Line: s.line, Column: s.column(), Reason: "is not TOML from here on"}
	if s.reason != "" {
		own.Reason = s.reason
		return own
	}
	end := min(s.at+maxShown, len(s.text))
	for end < len(s.text) && !utf8.RuneStart(s.text[end]) {
		end++
	}
	var values map[string]any
	if _, err := toml.Decode(s.text[:end], &values); err != nil {
		e := libraryError(file, err)
		if e.Line > s.line { // it counts a newline that ought not to be there as read
			e.Line, e.Column = s.line, s.column()
		}
		return e
	}
	return own
}

// maxMessage is how much of the library's message is shown, in bytes: it repeats
// whole words of the text, however long.
const maxMessage = 200

func libraryError(file string, err error) *Error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return &Error{File: file, Reason: printable(err.Error())}
	}
	message := parse.Message
	if len(message) > maxMessage {
		message = message[:maxMessage] + "..."
	}
	return &Error{
		File: file, Line: max(parse.Position.Line, 1), Column: max(parse.Position.Col, 1),
		Reason: "is not TOML: " + printable(message),
	}
}
