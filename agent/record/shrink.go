package record

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// floor is what a pass leaves of each part.
type floor struct {
	text int // bytes in the line
	list int // elements
}

// floors of the passes: no part is cut to the bone while another one is long.
// The second leaves of every text enough to recognise it, and the longest
// address whole; the last one is for records that no kernel could cause.
var floors = []floor{{text: 160, list: 8}, {text: 50, list: 3}, {text: len(`"` + mark + `"`), list: 0}}

// shrink frees so many bytes of the line, or as many as the floor allows, and
// says how many it freed.
func (p part) shrink(need int, f floor) int {
	before := encodedLen(p.v) // not the size of before: its elements are parts too
	switch p.v.Kind() {
	case reflect.String:
		shrinkText(p.v, max(before-need, f.text), keepsEnd(p.path))
	case reflect.Slice:
		shrinkSlice(p.v, need, f.list)
	case reflect.Map:
		shrinkMap(p.v, need)
	default:
		shrinkHistogram(p.v, need)
	}
	return before - encodedLen(p.v)
}

// shrinkText cuts a text to at most so many bytes of the line.
func shrinkText(v reflect.Value, goal int, keepEnd bool) {
	s := v.String()
	if encodedLen(v) <= goal {
		return
	}
	// JSON doubles quotes and backslashes.
	size, room := 0, goal-len(`""`)-len(mark)
	for ; size < len(s); size++ {
		b := s[size]
		if keepEnd {
			b = s[len(s)-1-size]
		}
		if room -= doubled(b); room < 0 {
			break
		}
	}
	if keepEnd {
		v.SetString(cutStart(s, size+len(mark)))
	} else {
		v.SetString(cutText(s, size+len(mark)))
	}
}

// doubled is the room that a byte of a clean text takes in the line.
func doubled(b byte) int {
	if b == '"' || b == '\\' {
		return 2
	}
	return 1
}

func shrinkSlice(v reflect.Value, need, keep int) {
	n, freed := v.Len(), 0
	for ; n > keep && freed < need; n-- {
		freed += encodedLen(v.Index(n-1)) + len(",")
	}
	v.SetLen(n)
}

// shrinkMap drops entries: those at zero first, then the last ones by name.
func shrinkMap(v reflect.Value, need int) {
	keys := slices.SortedFunc(maps.Keys(keySet(v)), func(a, b string) int {
		return cmp.Or(
			cmp.Compare(zeroRank(v, a), zeroRank(v, b)),
			cmp.Compare(b, a))
	})
	freed := 0
	for _, k := range keys {
		if freed >= need {
			break
		}
		key := reflect.ValueOf(k)
		freed += encodedLen(key) + len(":,") + encodedLen(v.MapIndex(key))
		v.SetMapIndex(key, reflect.Value{})
	}
}

func keySet(v reflect.Value) map[string]bool {
	set := map[string]bool{}
	for _, k := range v.MapKeys() {
		set[k.String()] = true
	}
	return set
}

func zeroRank(v reflect.Value, key string) int {
	if v.MapIndex(reflect.ValueOf(key)).IsZero() {
		return 0
	}
	return 1
}

// shrinkHistogram stops at two buckets: those at -1 and 0 never become one.
func shrinkHistogram(v reflect.Value, need int) {
	h := v.Interface().(Histogram)
	before := encodedLen(v)
	for len(h.Counts) > 2 && before-encodedLen(v) < need {
		h = h.coarser()
		v.Set(reflect.ValueOf(h))
	}
}
