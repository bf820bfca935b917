package policy

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// unitTypes are the unit types that have processes, and so a cgroup.
var unitTypes = []string{".service", ".scope", ".slice", ".socket", ".mount", ".swap"}

// idleTypes are the unit types that never have a process of their own.
var idleTypes = []string{".target", ".timer", ".path", ".device", ".automount"}

// maxUnitName is systemd's UNIT_NAME_MAX without the final NUL.
const maxUnitName = 255

// commLength is the kernel's TASK_COMM_LEN without the final NUL.
const commLength = 15

// unitChars are the characters that systemd allows in unit names.
const unitChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

// CheckUnit says in a sentence what is wrong with the exact name of a unit.
func CheckUnit(name string) error {
	if reason := checkUnit(name); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// checkUnit finds out what is wrong with the exact name of a unit; "" is nothing.
// Source: systemd.unit(5).
func checkUnit(name string) string {
	if isGlob(name) {
		return shown(name) + " must be one unit's exact name; globs are for rules"
	}
	if len(name) > maxUnitName || strings.Trim(name, unitChars) != "" || hasForeign(name) {
		return shown(name) + " is no unit name: letters, digits and :-_.\\@ are allowed, 255 in all"
	}
	stem, instance, isInstance := strings.Cut(name, "@")
	for _, suffix := range unitTypes {
		switch {
		case !strings.HasSuffix(name, suffix):
		case stem == "" || name == suffix:
			return shown(name) + " is no unit name: nothing is before " + suffix
		case isInstance && instance == suffix:
			return shown(name) + " is a template; give an instance of it, such as " + shown(stem+"@1"+suffix)
		default:
			return ""
		}
	}
	for _, suffix := range idleTypes {
		if strings.HasSuffix(name, suffix) {
			return shown(name) + " has no processes: units of type " + suffix + " only start others"
		}
	}
	return fmt.Sprintf("%s must end in %s; did you mean %s?", shown(name), Or(unitTypes), shown(name+".service"))
}

// hasForeign says whether a name has a character inside that units may not have.
func hasForeign(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune(unitChars, r) }) >= 0
}

// checkUnitGlob finds out what is wrong with a rule's pattern on unit names. One
// without * ? [ is a name, and could never match if no unit can be called so.
func checkUnitGlob(pattern string) string {
	if !isGlob(pattern) {
		return checkUnit(pattern)
	}
	return checkGlob(pattern)
}

// CheckComm says in a sentence what is wrong with the exact name of a thread.
func CheckComm(name string) error {
	if reason := checkComm(name); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// checkComm finds out what is wrong with the exact name of a thread; "" is nothing.
func checkComm(name string) string {
	switch {
	case isGlob(name):
		return shown(name) + " must be one thread's exact name; globs are for rules"
	case len(name) > commLength:
		return fmt.Sprintf("%s has %d bytes and can never match: the kernel keeps the first %d, %s",
			shown(name), len(name), commLength, shown(name[:commLength]))
	}
	return checkGlob(name)
}

// checkCommGlob finds out what is wrong with a rule's pattern on command names.
func checkCommGlob(pattern string) string {
	if !isGlob(pattern) && len(pattern) > commLength {
		return fmt.Sprintf("%s has %d bytes and can never match: the kernel keeps the first %d, %s",
			shown(pattern), len(pattern), commLength, shown(pattern[:commLength]))
	}
	return checkGlob(pattern)
}

func checkGlob(pattern string) string {
	if pattern == "" {
		return `"" matches nothing`
	}
	if strings.ContainsRune(pattern, 0) {
		return shown(pattern) + " can never match: no name holds a NUL byte"
	}
	if _, err := path.Match(escapeGlob(pattern), ""); err != nil {
		return shown(pattern) + " is no glob: * is any text, ? one character, [a-z] one of a set, which must end"
	}
	return ""
}

// checkCgroup finds out what is wrong with a path in the cgroup v2 hierarchy.
func checkCgroup(p string) string {
	const mount = "/sys/fs/cgroup"
	switch {
	case p == mount || strings.HasPrefix(p, mount+"/"):
		return shown(p) + " must be a path inside the hierarchy, without " + mount + ": " + shown(path.Clean("/"+strings.TrimPrefix(p, mount)))
	case !strings.HasPrefix(p, "/"):
		return shown(p) + ` must be an absolute path, such as "/system.slice"`
	case strings.ContainsRune(p, 0):
		return shown(p) + " must not hold a NUL byte"
	case path.Clean(p) != p:
		return shown(p) + " must be spelled " + shown(path.Clean(p))
	}
	return ""
}

func checkFD(word string) string { return checkWord("kind", word, FDKinds()) }

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// plainList is for lists of keys and suffixes, which need no quotes.
func plainList(words []string) string { return strings.Join(words, ", ") }

// Or says which words are the alternatives: a, b or c.
func Or(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return plainList(words)
	}
	return plainList(words[:last]) + " or " + words[last]
}

// shownKey spells a key that nobody knows: bare if it can be, quoted if not.
func shownKey(key string) string {
	for i := range len(key) {
		if !isBare(key[i]) {
			return shown(key)
		}
	}
	if key == "" || len(key) > maxShown {
		return shown(key)
	}
	return key
}
