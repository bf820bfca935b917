package policy

import "strings"

// peek gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// take steps over one byte if it is this one.
func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// column of the next byte, from 1.
func (s *scanner) column() int { return s.at - s.lineStart + 1 }

// newline notes that the byte at s.at ends a line.
func (s *scanner) newline() {
	s.line++
	s.lineStart = s.at + 1
}

// skipSpace steps over what may stand between two words of a line. A carriage
// return is allowed before a newline only; the library sees to that.
func (s *scanner) skipSpace() {
	for c := s.peek(); c == ' ' || c == '\t' || c == '\r'; c = s.peek() {
		s.at++
	}
}

// skipComment steps over a comment, up to the line's end.
func (s *scanner) skipComment() {
	if s.peek() != '#' {
		return
	}
	if n := strings.IndexByte(s.text[s.at:], '\n'); n >= 0 {
		s.at += n
		return
	}
	s.at = len(s.text)
}

// skipBlank steps over space, comments and newlines.
func (s *scanner) skipBlank() {
	for {
		s.skipSpace()
		s.skipComment()
		if s.peek() != '\n' || s.at == len(s.text) {
			return
		}
		s.newline()
		s.at++
	}
}

// isBare says whether a key may have this byte without quotes.
func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
