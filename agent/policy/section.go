package policy

import (
	"cmp"
	"fmt"
	"time"

	"github.com/syscountd/syscountd/agent/syscalls"
)

// section reads the keys of one TOML table. Each reader takes its key, checks type
// and value, and stores it; a key that is absent leaves the default alone. The
// first error in the order of the file is the one that is kept.
type section struct {
	first  **Error // shared by all sections of a document
	file   string
	prefix string // before a key in an error: "collect." or `rule[1] "sync": `
	values map[string]any
	at     *mark
	known  []string // the keys that readers asked for
	absent []lack   // what is wrong because a key is not there

	path    string // before a key in origins: "collect." or "rule.sync."
	origins origins
}

// fail notes an error about a key at a place.
func (s *section) fail(at *mark, key, value, reason string) {
	e := &Error{File: s.file, Line: at.line, Column: at.column, Key: s.prefix + key, Value: value, Reason: reason}
	if old := *s.first; old == nil || cmp.Or(cmp.Compare(e.Line, old.Line), cmp.Compare(e.Column, old.Column)) < 0 {
		*s.first = e
	}
}

// lack is an error about a key that is not there.
type lack struct {
	at                 *mark
	key, value, reason string
}

// miss notes that a key is not there. An unknown key is told instead of it, if there is one:
// most likely that is the same key, misspelt.
func (s *section) miss(at *mark, key, value, reason string) {
	s.absent = append(s.absent, lack{at, key, value, reason})
}

// take gives the value of a key, and notes that the key is one that we know.
func (s *section) take(key string) (value any, at *mark, ok bool) {
	s.known = append(s.known, key)
	value, ok = s.values[key]
	at = s.at.key(key)
	if ok {
		s.origins[s.path+key] = Origin{s.file, at.line, at.column}
	}
	return value, at, ok
}

// takeAs is take for a value of type T, of which want is the description.
func takeAs[T any](s *section, key, want string) (value T, at *mark, ok bool) {
	raw, at, ok := s.take(key)
	if !ok {
		return value, at, false
	}
	if value, ok = raw.(T); !ok {
		s.fail(at, key, shown(raw), "must be "+want)
	}
	return value, at, ok
}

func (s *section) duration(key string, to *time.Duration, min, max time.Duration, never bool) {
	text, at, ok := takeAs[string](s, key, fmt.Sprintf("a string such as %q", example(min, max)))
	if !ok {
		return
	}
	d, reason := parseDuration(text, min, max, never)
	if reason != "" {
		s.fail(at, key, shown(text), reason)
		return
	}
	*to = d
}

func (s *section) integer(key string, to *int, min, max int64) {
	n, at, ok := takeAs[int64](s, key, fmt.Sprintf("a whole number from %d to %d", min, max))
	if !ok {
		return
	}
	if n < min || n > max {
		s.fail(at, key, shown(n), fmt.Sprintf("must be between %d and %d", min, max))
		return
	}
	*to = int(n)
}

// number reads a number that need not be whole.
func (s *section) number(key string, to *float64, min, max float64) {
	value, at, ok := s.take(key)
	if !ok {
		return
	}
	n, isFloat := value.(float64)
	if whole, isWhole := value.(int64); isWhole {
		n, isFloat = float64(whole), true
	}
	if !isFloat || !(n >= min && n <= max) { // NaN is neither
		s.fail(at, key, shown(value), fmt.Sprintf("must be a number between %v and %v", min, max))
		return
	}
	*to = n
}

func (s *section) flag(key string, to *bool) {
	if on, _, ok := takeAs[bool](s, key, "true or false"); ok {
		*to = on
	}
}

// word reads one of a few words.
func (s *section) word(key string, to *string, allowed ...string) {
	text, at, ok := takeAs[string](s, key, oneOf(allowed))
	if !ok {
		return
	}
	for _, a := range allowed {
		if text == a {
			*to = a
			return
		}
	}
	s.fail(at, key, shown(text), "must be "+oneOf(allowed)+didYouMean(text, allowed))
}

// didYouMean ends a sentence with the word that was probably meant, if any is near.
func didYouMean(text string, allowed []string) string {
	if near := syscalls.Suggest(text, allowed); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// list reads an array of at most so many elements; each gets the elements and says what is wrong with them.
func (s *section) list(key, want string, most int, each func(v any) (reason string)) {
	values, at, ok := takeAs[[]any](s, key, "an array of "+want)
	if !ok {
		return
	}
	if len(values) > most {
		s.fail(at, key, "", fmt.Sprintf("has %d entries; at most %d are allowed", len(values), most))
		return
	}
	for i, v := range values {
		if reason := each(v); reason != "" {
			s.fail(at.item(i), key, "", reason)
		}
	}
}

// texts reads an array of strings, each of which check finds right by giving "".
func (s *section) texts(key, want string, most int, to *[]string, check func(text string) (reason string)) {
	var texts []string
	s.list(key, want, most, func(v any) string {
		text, ok := v.(string)
		switch {
		case !ok:
			return shown(v) + " must be a string"
		case len(text) > MaxText:
			return shown(text) + fmt.Sprintf(" has %d bytes; at most %d are allowed", len(text), MaxText)
		}
		texts = append(texts, text)
		return check(text)
	})
	if _, given := s.values[key]; given {
		*to = texts
	}
}

// numbers reads an array of whole numbers between two bounds; what is one of them.
func (s *section) numbers(key, want, what string, most int, min, max int64, to *[]uint32) {
	var numbers []uint32
	s.list(key, want, most, func(v any) string {
		n, ok := v.(int64)
		if !ok || n < min || n > max {
			return fmt.Sprintf("%s must be %s from %d to %d", shown(v), what, min, max)
		}
		numbers = append(numbers, uint32(n))
		return ""
	})
	if _, given := s.values[key]; given {
		*to = numbers
	}
}

// table gives the section below a key; one that is absent is empty.
func (s *section) table(key string) *section {
	values, at, _ := takeAs[map[string]any](s, key, "a table: ["+key+"]")
	delete(s.origins, key) // its keys have origins of their own
	return &section{first: s.first, file: s.file, prefix: key + ".", values: values, at: at, path: key + ".", origins: s.origins}
}

// finish refuses the keys that no reader asked for, or else what lacks a key.
func (s *section) finish() {
	unknown := false
	for key, value := range s.values {
		if !contains(s.known, key) {
			unknown = true
			s.fail(s.at.key(key), shownKey(key), "", unknownKey(key, s.known, value))
		}
	}
	if unknown {
		return
	}
	for _, l := range s.absent {
		s.fail(l.at, l.key, l.value, l.reason)
	}
}

func unknownKey(key string, known []string, value any) string {
	what := "unknown key"
	switch value.(type) {
	case map[string]any, []map[string]any:
		what = "unknown table"
	}
	if near := syscalls.Suggest(key, known); near != "" {
		return fmt.Sprintf("%s; did you mean %s? allowed are %s", what, near, plainList(known))
	}
	return fmt.Sprintf("%s; allowed are %s", what, plainList(known))
}
