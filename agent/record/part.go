package record

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// part is a piece of a record's copy that can be made shorter: a text, a list,
// a map or a histogram.
type part struct {
	path string        // of the keys, joined with dots: "process.command_line"
	v    reflect.Value // settable
	size int           // in the line, in bytes; at first; set by byRank
}

// first are the parts that are cut before all others, in this order: what the
// record says elsewhere too, or what /proc and the file system still know.
var first = []string{
	"process.command_line", "process.executable.path", "cgroup", "detail",
	"kernel_stack", // its end is the same for all calls
	"user_stack",
	"syscall.paths", "files", "to.path", "file.path",
}

// keepsEnd says whether the end of a text tells more than its beginning: the
// name of a file, the unit of a cgroup.
func keepsEnd(path string) bool {
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "path", "paths", "files", "cgroup":
		return true
	}
	return false
}

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
		v.SetString(clipper(path)(v.String()))
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
		ownSlice(v, path)
		c.foundSlice(path, v)
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

// foundSlice: each path of a list can be cut by itself, as dropping one would
// lose the file's name.
func (c *copier) foundSlice(path string, v reflect.Value) {
	c.found(path, v)
	if keepsEnd(path) && v.Type().Elem().Kind() == reflect.String {
		for i := range v.Len() {
			c.found(path, v.Index(i))
		}
	}
}

// ownSlice takes no more elements than fill a line; one that has more is cut
// to less in any case. Paths are cut themselves before one is left out.
func ownSlice(v reflect.Value, path string) {
	if v.IsNil() {
		return
	}
	most, clip := MaxLine, clipper(path)
	if keepsEnd(path) {
		most = floors[1].text
	}
	n := reflect.MakeSlice(v.Type(), 0, min(v.Len(), MaxLine))
	for i, size := 0, 0; i < v.Len() && size <= MaxLine; i++ {
		e := v.Index(i)
		if e.Kind() == reflect.String {
			e = reflect.ValueOf(clip(e.String())).Convert(e.Type())
			size += min(e.Len(), most)
		}
		if e.Kind() == reflect.Struct { // dropped as a whole: its texts are no parts of their own
			own := reflect.New(e.Type()).Elem()
			own.Set(e)
			new(copier).own(own, path)
			e, size = own, size+encodedLen(own)
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

// clipStart is clip for a text whose end has to stay.
func clipStart(s string) string {
	if len(s) > MaxLine {
		s = s[len(s)-MaxLine:]
		for i := 0; i < utf8.UTFMax-1 && s != "" && !utf8.RuneStart(s[0]); i++ {
			s = s[1:]
		}
		s = mark + s
	}
	return Clean(s)
}

func clipper(path string) func(string) string {
	if keepsEnd(path) {
		return clipStart
	}
	return clip
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
