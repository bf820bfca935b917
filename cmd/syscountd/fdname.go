package main

import (
	"fmt"
	"slices"
	"strings"
)

// storedName names a descriptor in the store: which tracer it is a part of, by the
// layout of that and a number which grows; and which part.
type storedName struct{ layout, set, part string }

const storePrefix = "syscountd"

// memoryPart is the part that is no tracer's; it is stored last.
const memoryPart = "memory"

func (n storedName) String() string {
	return strings.Join([]string{storePrefix, n.layout, n.set, n.part}, "/")
}

func parseName(text string) (n storedName, ok bool) {
	fields := strings.SplitN(text, "/", 4)
	if len(fields) != 4 || fields[0] != storePrefix {
		return n, false
	}
	return storedName{fields[1], fields[2], fields[3]}, true
}

// setName orders as the numbers do.
func setName(number uint64) string { return fmt.Sprintf("%016x", number) }

// newestSet is the one to go on with: the last that was stored to its end and has this
// layout. "": there is none.
func newestSet(names []string, layout string) string {
	newest := ""
	for _, text := range names {
		if n, ok := parseName(text); ok && n.layout == layout && n.part == memoryPart {
			newest = max(newest, n.set)
		}
	}
	return newest
}

// others are the names that are not of that set, each once, and why they are refused.
func others(names []string, layout, set string) (refused []string, why string) {
	for _, text := range names {
		if n, ok := parseName(text); (!ok || n.layout != layout || n.set != set || set == "") && !slices.Contains(refused, text) {
			refused = append(refused, text)
			why = max(why, reason(n, ok, layout))
		}
	}
	return refused, why
}

func reason(n storedName, ours bool, layout string) string {
	switch {
	case !ours:
		return "it is not ours"
	case n.layout != layout:
		return "other programs or options: its layout is " + n.layout + ", ours " + layout
	}
	return "it was not stored to its end"
}
