package kstack

import "strings"

// names is a set of functions: exact names, and beginnings of names.
type names struct {
	exact    map[string]bool
	prefixes []string
}

// namesOf reads a list; a name that ends in * stands for all that begin so.
func namesOf(list string) names {
	n := names{exact: map[string]bool{}}
	for _, name := range strings.Fields(list) {
		if prefix, found := strings.CutSuffix(name, "*"); found {
			n.prefixes = append(n.prefixes, prefix)
		} else {
			n.exact[name] = true
		}
	}
	return n
}

func (n names) has(frame string) bool {
	if n.exact[frame] {
		return true
	}
	for _, prefix := range n.prefixes {
		if strings.HasPrefix(frame, prefix) {
			return true
		}
	}
	return false
}
