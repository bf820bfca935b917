package policy

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// What a policy needs is much less; what is deeper would only cost stack and
// time in the TOML library.
const (
	maxDepth    = 8 // arrays and inline tables in one another
	maxKeyParts = 8 // parts of a dotted key
)

// scanner walks over a TOML document and notes where its keys and values are. It
// checks no more of the syntax than it needs for that: what it lets pass, the
// TOML library judges; where it stops, nothing after that place is looked at.
type scanner struct {
	text      string
	at        int
	line      int // from 1
	lineStart int
	reason    string // why it stopped, where the library would not say so
	twice     *twice // the first key or table that is defined a second time
}

// keyPart is one part of a dotted key.
type keyPart struct {
	name         string
	line, column int
}

// scan gives the marks of a document; ok is false when it stopped at s.at.
func scan(text string) (root *mark, s *scanner, ok bool) {
	s = &scanner{text: text, line: 1}
	root = &mark{line: 1, column: 1}
	return root, s, s.document(root)
}

func (s *scanner) document(root *mark) bool {
	table := root
	for {
		s.skipBlank()
		if s.at == len(s.text) {
			return true
		}
		if s.peek() == '[' {
			if table = s.header(root); table == nil {
				return false
			}
		} else if !s.keyValue(table, 0) {
			return false
		}
		s.skipSpace()
		s.skipComment()
		if s.at < len(s.text) && s.peek() != '\n' {
			return false
		}
	}
}

// header reads [a.b] or [[a.b]] and gives the mark of the table that begins.
func (s *scanner) header(root *mark) *mark {
	s.at++
	isArray := s.take('[')
	s.skipSpace()
	parts := s.key()
	if parts == nil || !s.take(']') || isArray && !s.take(']') {
		return nil
	}
	table := root
	for _, part := range parts[:len(parts)-1] {
		table = table.enter(part).last()
	}
	last := parts[len(parts)-1]
	table = table.enter(last)
	if !isArray {
		table = table.last()
		if table.isTable {
			s.again(last, table)
		}
		table.isTable = true
		return table
	}
	table.items = append(table.items, &mark{line: last.line, column: last.column})
	return table.last()
}

func (s *scanner) keyValue(table *mark, depth int) bool {
	parts := s.key()
	if parts == nil || !s.take('=') {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[:last] {
		table = table.enter(part)
	}
	if first, known := table.keys[parts[last].name]; known {
		s.again(parts[last], first)
	}
	table = table.enter(parts[last])
	s.skipSpace()
	return s.value(table, depth)
}

// key reads a dotted key and the space after it; nil when there is none.
func (s *scanner) key() []keyPart {
	var parts []keyPart
	for {
		part, ok := s.keyPart()
		if !ok {
			return nil
		}
		if parts = append(parts, part); len(parts) > maxKeyParts {
			s.reason = "has more parts than any key of a policy"
			return nil
		}
		s.skipSpace()
		if !s.take('.') {
			return parts
		}
		s.skipSpace()
	}
}

func (s *scanner) keyPart() (keyPart, bool) {
	part := keyPart{line: s.line, column: s.column()}
	start := s.at
	if c := s.peek(); c == '"' || c == '\'' {
		ok := s.quoted(c)
		part.name = unquoteKey(s.text[start:s.at])
		return part, ok
	}
	for isBare(s.peek()) {
		s.at++
	}
	part.name = s.text[start:s.at]
	return part, part.name != ""
}

// value reads any value; the marks of its elements go below m.
func (s *scanner) value(m *mark, depth int) bool {
	switch c := s.peek(); c {
	case '"', '\'':
		if strings.HasPrefix(s.text[s.at:], strings.Repeat(string(c), 3)) {
			return s.multiline(c)
		}
		return s.quoted(c)
	case '[', '{':
		if depth == maxDepth {
			s.reason = "is nested deeper than any value of a policy"
			return false
		}
		s.at++
		if c == '[' {
			return s.array(m, depth+1)
		}
		return s.inlineTable(m, depth+1)
	}
	return s.bareValue()
}

func (s *scanner) array(m *mark, depth int) bool {
	for {
		s.skipBlank()
		if s.take(']') {
			return true
		}
		item := &mark{line: s.line, column: s.column()}
		m.items = append(m.items, item)
		if !s.value(item, depth) {
			return false
		}
		s.skipBlank()
		if !s.take(',') && s.peek() != ']' {
			return false
		}
	}
}

func (s *scanner) inlineTable(m *mark, depth int) bool {
	for {
		s.skipBlank()
		if s.take('}') {
			return true
		}
		if !s.keyValue(m, depth) {
			return false
		}
		s.skipBlank()
		if !s.take(',') && s.peek() != '}' {
			return false
		}
	}
}

// bareValue reads a number, a date or a word; a date may have a space in it.
func (s *scanner) bareValue() bool {
	start := s.at
	for s.at < len(s.text) && !strings.ContainsRune(",]}#\r\n\"'[{=", rune(s.text[s.at])) {
		s.at++
	}
	return s.at > start
}

// quoted reads a string that ends on its line.
func (s *scanner) quoted(quote byte) bool {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == quote:
			s.at++
			return true
		case c == '\n':
			return false
		case c == '\\' && quote == '"':
			s.at++
		}
	}
	s.at = len(s.text)
	return false
}

// multiline reads a string in triple quotes, which may itself end with one or two.
func (s *scanner) multiline(quote byte) bool {
	end := strings.Repeat(string(quote), 3)
	for s.at += 3; s.at < len(s.text); s.at++ {
		if strings.HasPrefix(s.text[s.at:], end) {
			s.at += 3
			_ = s.take(quote) && s.take(quote)
			return true
		}
		if s.text[s.at] == '\\' && quote == '"' && s.at+1 < len(s.text) {
			s.at++
		}
		if s.text[s.at] == '\n' {
			s.newline()
		}
	}
	return false
}

// unquoteKey gives the name that a quoted key spells. Escapes are rare in keys:
// the library decodes them.
func unquoteKey(quoted string) string {
	if !strings.Contains(quoted, `\`) || quoted[0] == '\'' {
		return strings.Trim(quoted, quoted[:1])
	}
	var doc struct{ K string }
	if _, err := toml.Decode("K = "+quoted, &doc); err != nil {
		return quoted
	}
	return doc.K
}
