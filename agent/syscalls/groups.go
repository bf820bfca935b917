package syscalls

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// groupsText is the table of groups, made to be read and compared by people.
//
//go:embed groups.txt
var groupsText string

// The groups that decide what waiting is; see groups.txt for each member's reason.
const (
	Wait   = "@wait"   // calls whose job is to wait
	FDWait = "@fdwait" // calls that wait when what they are on is one that waits
)

// known is the group of all names that the tables have.
const known = "@known"

// UnknownError says that a name is neither a system call of any ABI nor a group.
type UnknownError struct {
	Name       string // as it was given
	Suggestion string // what was probably meant; "" when nothing is near
}

// Error gives a sentence that repeats the name.
func (e *UnknownError) Error() string {
	kind := "syscall"
	if strings.HasPrefix(e.Name, "@") {
		kind = "group"
	}
	name := e.Name
	if len(name) > maxSuggestLength {
		name = name[:maxSuggestLength] + "..."
	}
	if e.Suggestion != "" {
		return fmt.Sprintf("unknown %s %q; did you mean %q?", kind, name, e.Suggestion)
	}
	return fmt.Sprintf("unknown %s %q", kind, name)
}

// Expand replaces the @groups in names by their members and gives the names
// sorted, each once. Members that no ABI of ours has are left out. A name that
// nobody knows is an *UnknownError.
func Expand(names []string) ([]string, error) {
	set := map[string]bool{}
	for _, name := range names {
		if err := Check(name); err != nil {
			return nil, err
		}
		members, isGroup := groups()[name]
		if !isGroup {
			members = []string{name}
		}
		for _, m := range members {
			set[m] = true
		}
	}
	return sortedNames(set), nil
}

// Check says whether Expand knows a name: the error is an *UnknownError.
func Check(name string) error {
	if _, isGroup := groups()[name]; !isGroup && !Known(name) {
		return &UnknownError{Name: name, Suggestion: suggestName(name)}
	}
	return nil
}

// In says whether a group (with its @) has this call.
func In(group, name string) bool {
	_, found := slices.BinarySearch(groups()[group], name)
	return found
}

// Groups gives the names of all groups, each with its @, sorted.
func Groups() []string {
	names := make([]string, 0, len(groups()))
	for g := range groups() {
		names = append(names, g)
	}
	slices.Sort(names)
	return names
}

func suggestName(bad string) string {
	if strings.HasPrefix(bad, "@") {
		return Suggest(bad, Groups())
	}
	return Suggest(bad, groups()[known])
}

// groups gives each group's members: sorted, groups in them expanded, and only
// those that an ABI of ours has.
var groups = sync.OnceValue(func() map[string][]string {
	raw := parseGroups(groupsText)
	expanded := map[string][]string{}
	for g := range raw {
		set := map[string]bool{}
		collect(raw, g, set, map[string]bool{})
		expanded[g] = sortedNames(set)
	}
	all := map[string]bool{}
	for name := range numbers() {
		all[name] = true
	}
	expanded[known] = sortedNames(all)
	return expanded
})

// collect adds the known members of a group and of the groups in it to set.
func collect(raw map[string][]string, group string, set, seen map[string]bool) {
	if seen[group] {
		return
	}
	seen[group] = true
	for _, member := range raw[group] {
		if strings.HasPrefix(member, "@") {
			collect(raw, member, set, seen)
		} else if Known(member) {
			set[member] = true
		}
	}
}

// parseGroups reads the form that systemd-analyze syscall-filter prints: a group
// at the line's start, its members indented; what follows a # is for people.
func parseGroups(text string) map[string][]string {
	raw := map[string][]string{}
	group := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if line[0] == '@' {
			group = name
			raw[group] = nil
			continue
		}
		raw[group] = append(raw[group], name)
	}
	return raw
}

func sortedNames(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
