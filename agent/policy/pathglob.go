package policy

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// pathGlob is a compiled pattern on paths: * and ? stay within one element, ** as a
// whole element is any number of them. Backslashes and braces are ordinary
// characters: cgroups are full of the first (system-systemd\x2dfsck.slice).
type pathGlob struct {
	text    string
	kind    globKind
	needles []string // what every path that matches contains: most others are found out by it
}

// escapePathGlob makes the library take \ { } as ordinary characters.
var escapePathGlob = strings.NewReplacer(`\`, `\\`, "{", `\{`, "}", `\}`)

func compilePathGlob(pattern string) pathGlob {
	if !isGlob(pattern) {
		return pathGlob{text: pattern, kind: globExact}
	}
	if stem, ok := strings.CutSuffix(pattern, "/**"); ok && stem != "" && !isGlob(stem) {
		return pathGlob{text: stem, kind: globPrefix}
	}
	return pathGlob{escapePathGlob.Replace(pattern), globAny, needlesOf(pattern)}
}

// needlesOf are the runs of ordinary characters. Slashes at their ends do not count:
// "**/" may stand for nothing. A pattern with sets has none, for what is in a set
// would have to be told from what is not.
func needlesOf(pattern string) []string {
	if strings.Contains(pattern, "[") {
		return nil
	}
	var runs []string
	for _, run := range strings.FieldsFunc(pattern, func(r rune) bool { return r == '*' || r == '?' }) {
		if run = strings.Trim(run, "/"); run != "" {
			runs = append(runs, run)
		}
	}
	return runs
}

// match is false for the empty name, which is a path that is not known.
func (g pathGlob) match(name string) bool {
	switch g.kind {
	case globExact:
		return name == g.text
	case globPrefix: // the directory itself and all below it
		rest, ok := strings.CutPrefix(name, g.text)
		return ok && (rest == "" || rest[0] == '/')
	}
	for _, needle := range g.needles {
		if !strings.Contains(name, needle) {
			return false
		}
	}
	return name != "" && doublestar.MatchUnvalidated(g.text, name)
}

// checkPathGlob finds out what is wrong with a pattern on absolute paths; "" is
// nothing.
func checkPathGlob(pattern string) string {
	switch {
	case pattern == "":
		return `"" matches nothing`
	case strings.ContainsRune(pattern, 0):
		return shown(pattern) + " can never match: no path holds a NUL byte"
	case !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "**"):
		return shown(pattern) + ` must begin with / or **, such as "/srv/**" or "**/*.wal"`
	case !doublestar.ValidatePattern(escapePathGlob.Replace(pattern)):
		return shown(pattern) + " is no glob: * is any text in one directory's name, ** any directories, ? one character, [a-z] one of a set, which must end"
	}
	return ""
}
