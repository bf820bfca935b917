package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Origin is the place in a file that set a key.
type Origin struct {
	File         string // as it was given
	Line, column int    // from 1
}

// String is "file:line", safe for terminals.
func (o Origin) String() string { return fmt.Sprintf("%s:%d", printable(o.File), o.Line) }

// origins are the places of all keys that files have set, by their names: collect.mode, and
// rule.sync.threshold for a key of the rule "sync".
type origins map[string]Origin

// forget drops the keys of a rule that another one replaces; of all rules for "".
func (o origins) forget(rule string) {
	prefix := "rule."
	if rule != "" {
		prefix += rule + "."
	}
	maps.DeleteFunc(o, func(key string, _ Origin) bool { return strings.HasPrefix(key, prefix) })
}

// Origin says where a key was set, such as collect.mode or rule.sync.threshold; false for one that
// has its default.
func (p *Policy) Origin(key string) (Origin, bool) {
	o, ok := p.origins[key]
	return o, ok
}

// Sources says which file and line set each key, in the order of the files; a rule is one
// line. It is empty for the built-in default.
func (p *Policy) Sources() string {
	shown := map[string]Origin{}
	for key, o := range p.origins {
		if rule, isRule := strings.CutPrefix(key, "rule."); isRule {
			name, last, _ := strings.Cut(rule, ".")
			if last != "name" {
				continue
			}
			key = "rule." + name
		}
		shown[key] = o
	}
	keys := slices.SortedFunc(maps.Keys(shown), func(a, b string) int {
		x, y := shown[a], shown[b]
		return cmp.Or(cmp.Compare(slices.Index(p.Files, x.File), slices.Index(p.Files, y.File)), cmp.Compare(x.Line, y.Line), cmp.Compare(a, b))
	})
	var b strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&b, "  %s: %s\n", shown[key], key)
	}
	if b.Len() == 0 {
		return ""
	}
	return "Set in files; all other keys have their defaults:\n" + b.String()
}

// ErrorAt is an error about a key that is right by itself, and that the host does not allow:
// reason says why. Its value stands in reason.
func (p *Policy) ErrorAt(key, reason string) *Error { return p.errorAt(key, key, reason) }

// errorAt is an error about what a key and others of the merged policy mean together.
func (p *Policy) errorAt(key, shownKey, reason string) *Error {
	o := p.origins[key]
	return &Error{File: o.File, Line: o.Line, Column: o.column, Key: shownKey, Reason: reason}
}
