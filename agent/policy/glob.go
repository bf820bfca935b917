package policy

import (
	"path"
	"strings"
)

// glob is a compiled pattern. It matches as path.Match does, but / is an ordinary
// character, for command names have it (kworker/0:1), and so is the
// backslash, for unit names have it (dev-disk\x2d1.swap); systemd's own globs on
// unit names are the same (fnmatch with FNM_NOESCAPE).
type glob struct {
	text string
	kind globKind
}

type globKind uint8

const (
	globExact  globKind = iota // no wildcard at all
	globPrefix                 // one *, at the end: the usual case, and the cheap one
	globAny                    // whatever else path.Match knows
)

// isGlob says whether a pattern has a wildcard.
func isGlob(pattern string) bool { return strings.ContainsAny(pattern, "*?[") }

// escapeGlob makes path.Match take / and \ as ordinary characters. A control
// character stands for /, so that * and ? match it as well.
func escapeGlob(pattern string) string {
	return strings.ReplaceAll(strings.ReplaceAll(pattern, `\`, `\\`), "/", "\x01")
}

func compileGlob(pattern string) glob {
	if !isGlob(pattern) {
		return glob{pattern, globExact}
	}
	if stem, ok := strings.CutSuffix(pattern, "*"); ok && !isGlob(stem) {
		return glob{stem, globPrefix}
	}
	return glob{escapeGlob(pattern), globAny}
}

func (g glob) match(name string) bool {
	switch g.kind {
	case globExact:
		return name == g.text
	case globPrefix:
		return strings.HasPrefix(name, g.text)
	}
	matched, err := path.Match(g.text, strings.ReplaceAll(name, "/", "\x01"))
	return matched && err == nil
}
