package policy

import (
	"strings"
	"unicode/utf8"
)

// snippetWidth is how much of a line is shown, in characters.
const snippetWidth = 100

// Snippet is the line of the file that the error is about, and below it a caret under the
// place; "" for an error that is about no line.
func (e *Error) Snippet() string {
	if e.Line == 0 || e.source == "" {
		return ""
	}
	lines := strings.SplitN(strings.TrimPrefix(e.source, "\ufeff"), "\n", e.Line+1)
	if e.Line > len(lines) {
		return ""
	}
	line := strings.TrimRight(lines[e.Line-1], "\r")
	at := utf8.RuneCountInString(line[:min(max(e.Column-1, 0), len(line))])
	text := []rune(printable(strings.ReplaceAll(line, "\t", " ")))
	first := 0
	if at > snippetWidth*3/4 {
		first = at - snippetWidth/2
	}
	last := min(len(text), first+snippetWidth)
	return "    " + string(text[min(first, last):last]) + "\n    " + strings.Repeat(" ", at-first) + "^\n"
}

// from gives the error the text that it is about.
func (e *Error) from(sources []source) *Error {
	for _, s := range sources {
		if s.file == e.File && len(s.text) <= MaxBytes {
			e.source = string(s.text)
		}
	}
	return e
}
