package main

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// maxLine bounds how much of a line is kept; what is longer is cut.
const maxLine = 16 << 10

// output reads what a tool prints, line by line, and keeps next to nothing: whether
// the signs that it was made with were seen, and the last line. As an
// io.Writer for both streams of a tool it is safe for concurrent use.
type output struct {
	mu      sync.Mutex
	partial []byte
	last    string // the last line that was not blank
	signs   []*sign
	each    func(line []byte) // gets every line; nil: nobody
}

// sign is a pattern to look for; seen is closed at the first line that matches.
type sign struct {
	pattern *regexp.Regexp
	seen    chan struct{}
	once    sync.Once
}

// watch makes an output that looks for the patterns; "" is never seen.
func watch(patterns ...string) *output {
	o := &output{}
	for _, pattern := range patterns {
		s := &sign{seen: make(chan struct{})}
		if pattern != "" {
			s.pattern = regexp.MustCompile(pattern)
		}
		o.signs = append(o.signs, s)
	}
	return o
}

// Write takes what was printed. It never fails.
func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for rest := text; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(o.partial); len(line) > room {
			line = line[:room]
		}
		o.partial = append(o.partial, line...)
		if ended {
			o.endLine()
		}
		rest = after
	}
	return len(text), nil
}

// endLine looks at the line that has come to its end.
func (o *output) endLine() {
	if o.each != nil {
		o.each(o.partial)
	}
	if len(bytes.TrimSpace(o.partial)) > 0 {
		o.last = string(o.partial)
		for _, s := range o.signs {
			if s.pattern != nil && s.pattern.Match(o.partial) {
				s.once.Do(func() { close(s.seen) })
			}
		}
	}
	o.partial = o.partial[:0]
}

// saw tells whether the sign of that number, in the order given to watch, was seen.
func (o *output) saw(number int) bool {
	select {
	case <-o.signs[number].seen:
		return true
	default:
		return false
	}
}

// lastLine is the last that was printed, fit to be shown.
func (o *output) lastLine() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(bytes.TrimSpace(o.partial)) > 0 {
		return printable(string(o.partial))
	}
	return printable(o.last)
}

// printable makes one short line of text that another program wrote: a
// terminal and a Markdown table survive it.
func printable(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return string(runes)
}
