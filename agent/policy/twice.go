package policy

import "fmt"

// twice is a key or table that is defined a second time.
type twice struct {
	keyPart
	first int // line
}

// again notes that a key is defined a second time; the first such place counts.
func (s *scanner) again(key keyPart, first *mark) {
	if s.twice == nil {
		s.twice = &twice{key, first.line}
	}
}

// error says it better than the library, which does not know where the first one is, and looks
// at the place behind the second. It is nil where the library found something else.
func (t *twice) error(file string, library *Error) *Error {
	if t == nil || library.Line != t.line {
		return nil
	}
	return &Error{File: file, Line: t.line, Column: t.column, Key: shownKey(t.name), Reason: fmt.Sprintf("is defined on line %d already", t.first)}
}
