package record

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// part is a piece of a record's copy that can be made shorter: a text, a list,
// a map or a histogram.
type part struct {
	path string        // of the keys, joined with dots: "process.command_line"
	v    reflect.Value // settable
	size int           // in the line, in bytes; set by byRank
}

// first are the parts that are cut before all others, in this order.
var first = []string{"process.command_line", "process.executable.path", "cgroup", "detail"}

// copyOf makes a deep copy of a record with all its texts clean, and finds the
// parts that can be cut. By reflection, so that a new field cannot be forgotten.
func copyOf(r Record) (Record, []part) {
	v := reflect.New(reflect.TypeOf(r).Elem())
	v.Elem().Set(reflect.ValueOf(r).Elem())
	c := &copier{}
	c.own(v.Elem(), "")
	return v.Interface().(Record), c.parts
}

type copier struct{ parts []part }

// own makes a value independent of the record that it was copied from.
func (c *copier) own(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(clip(v.String()))
		c.found(path, v)
	case reflect.Pointer:
		if !v.IsNil() {
			n := reflect.New(v.Type().Elem())
			n.Elem().Set(v.Elem())
			v.Set(n)
			c.own(n.Elem(), path)
		}
	case reflect.Struct:
		c.ownFields(v, path)
	case reflect.Slice:
		ownSlice(v)
		c.found(path, v)
	case reflect.Map:
		ownMap(v)
		c.found(path, v)
	}
}

func (c *copier) ownFields(v reflect.Value, path string) {
	if _, ok := v.Interface().(Histogram); ok {
		c.found(path, v) // as a whole: its counts mean nothing without the scale
		return
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous:
			c.own(v.Field(i), path)
		default:
			c.own(v.Field(i), strings.TrimPrefix(path+"."+name, "."))
		}
	}
}

func (c *copier) found(path string, v reflect.Value) {
	c.parts = append(c.parts, part{path: path, v: v})
}

// ownSlice takes no more elements than fill a line; one that has more is cut
// to less in any case.
func ownSlice(v reflect.Value) {
	if v.IsNil() {
		return
	}
	n := reflect.MakeSlice(v.Type(), 0, min(v.Len(), MaxLine))
	for i, size := 0, 0; i < v.Len() && size <= MaxLine; i++ {
		e := v.Index(i)
		if e.Kind() == reflect.String {
			e = reflect.ValueOf(clip(e.String())).Convert(e.Type())
			size += e.Len()
		}
		n = reflect.Append(n, e)
		size += len("0,")
	}
	v.Set(n)
}

func ownMap(v reflect.Value) {
	if v.IsNil() {
		return
	}
	n := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		value := it.Value()
		if value.Kind() == reflect.String {
			value = reflect.ValueOf(clip(value.String()))
		}
		n.SetMapIndex(reflect.ValueOf(clip(it.Key().String())), value)
	}
	v.Set(n)
}

// clip cleans a text, of which no more than a line's length is ever of use.
func clip(s string) string {
	if len(s) > MaxLine {
		s = s[:MaxLine] + mark
	}
	return Clean(s)
}

// byRank orders parts by who is cut first.
func byRank(parts []part) []part {
	for i, p := range parts {
		parts[i].size = encodedLen(p.v)
	}
	return slices.SortedStableFunc(slices.Values(parts), func(a, b part) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.size, a.size))
	})
}

func (p part) rank() int {
	if i := slices.Index(first, p.path); i >= 0 {
		return i
	}
	return len(first)
}

// shrink frees so many bytes of the line, or as many as it can, and says
// whether it changed anything.
func (p part) shrink(need int) bool {
	switch p.v.Kind() {
	case reflect.String:
		return shrinkText(p.v, need)
	case reflect.Slice:
		return shrinkSlice(p.v, need)
	case reflect.Map:
		return shrinkMap(p.v, need)
	}
	return shrinkHistogram(p.v, need)
}

// keep is what is left of every text, in bytes of the line: enough to
// recognise it, little enough that all texts of a record fit together.
const keep = 40

func shrinkText(v reflect.Value, need int) bool {
	s := v.String()
	goal := max(encodedLen(v)-need, keep)
	// JSON doubles quotes and backslashes: cut until it fits.
	for size := min(len(s)-1, goal); size > 0 && encodedLen(v) > goal; size -= max(encodedLen(v)-goal, 1) {
		v.SetString(cutText(s, size))
	}
	return v.String() != s
}

func shrinkSlice(v reflect.Value, need int) bool {
	n, freed := v.Len(), 0
	for ; n > 0 && freed < need; n-- {
		freed += encodedLen(v.Index(n-1)) + len(",")
	}
	changed := n < v.Len()
	v.SetLen(n)
	return changed
}

// shrinkMap drops entries: those at zero first, then the last ones by name.
func shrinkMap(v reflect.Value, need int) bool {
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
	return freed > 0
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
func shrinkHistogram(v reflect.Value, need int) bool {
	h := v.Interface().(Histogram)
	before := encodedLen(v)
	for len(h.Counts) > 2 && before-encodedLen(v) < need {
		h = h.coarser()
		v.Set(reflect.ValueOf(h))
	}
	return encodedLen(v) != before
}
