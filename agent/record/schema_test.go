package record_test

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// events has an empty record of each event.
func events() []record.Record {
	return []record.Record{
		&record.Slow{}, &record.Stuck{}, &record.Ended{}, &record.Incident{},
		&record.Summary{}, &record.Interval{}, &record.State{}, &record.Log{},
	}
}

type schema map[string]any

func loadSchema(t *testing.T) schema {
	t.Helper()
	path, err := recordtest.SchemaFile()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema and the Go types have the same keys, and a key is required where
// Go always writes it.
func TestSchemaHasTheKeysOfTheRecords(t *testing.T) {
	s := loadSchema(t)
	if got := len(s["oneOf"].([]any)); got != len(events()) {
		t.Errorf("%d events in the schema, %d records", got, len(events()))
	}
	for _, r := range events() {
		s.compare(t, r.Event(), s.resolve(map[string]any{"$ref": "#/$defs/" + r.Event()}), reflect.TypeOf(r).Elem())
	}
}

func (s schema) compare(t *testing.T, path string, node map[string]any, typ reflect.Type) {
	properties, _ := node["properties"].(map[string]any)
	always, sometimes := keys(typ)
	if got, want := slices.Sorted(maps.Keys(properties)), slices.Sorted(maps.Keys(union(always, sometimes))); !slices.Equal(got, want) {
		t.Errorf("%s: schema has %v, Go has %v", path, got, want)
		return
	}
	if node["additionalProperties"] != false {
		t.Errorf("%s: additional properties are allowed", path)
	}
	required := required(node)
	if got, want := slices.Sorted(maps.Keys(required)), slices.Sorted(maps.Keys(always)); !slices.Equal(got, want) {
		t.Errorf("%s: schema requires %v, Go always writes %v", path, got, want)
	}
	for name, field := range union(always, sometimes) {
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if field.Kind() == reflect.Struct {
			s.compare(t, path+"."+name, s.resolve(properties[name].(map[string]any)), field)
		}
	}
}

func (s schema) resolve(node map[string]any) map[string]any {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	return s["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
}

func required(node map[string]any) map[string]bool {
	set := map[string]bool{}
	list, _ := node["required"].([]any)
	for _, name := range list {
		set[name.(string)] = true
	}
	return set
}

// keys gives the JSON keys of a struct, with the types of their fields.
func keys(typ reflect.Type) (always, sometimes map[string]reflect.Type) {
	always, sometimes = map[string]reflect.Type{}, map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous || name == "-":
		case throughPointer(typ, f.Index):
			sometimes[name] = f.Type
		case options == "":
			always[name] = f.Type
		default:
			sometimes[name] = f.Type
		}
	}
	return always, sometimes
}

// throughPointer: the field is one of an embedded struct that may be missing.
func throughPointer(typ reflect.Type, index []int) bool {
	return len(index) > 1 && typ.Field(index[0]).Type.Kind() == reflect.Pointer
}

func union(a, b map[string]reflect.Type) map[string]reflect.Type {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// Marshal promises that encoding cannot fail and that it cleans every text:
// both hang on the kinds of the fields.
func TestTypes(t *testing.T) {
	for _, r := range events() {
		checkType(t, r.Event(), reflect.TypeOf(r).Elem())
	}
}

func checkType(t *testing.T, path string, typ reflect.Type) {
	switch typ.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
	case reflect.Pointer:
		checkType(t, path, typ.Elem())
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Struct {
			checkType(t, path, typ.Elem())
			return
		}
		checkLeaf(t, path, typ.Elem())
	case reflect.Map:
		checkLeaf(t, path, typ.Key())
		checkLeaf(t, path, typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() || f.Tag.Get("json") == "" && !f.Anonymous {
				t.Errorf("%s.%s: not exported or without a JSON key", path, f.Name)
			}
			checkType(t, path+"."+f.Name, f.Type)
		}
	default:
		t.Errorf("%s: Marshal does not know the kind %s", path, typ.Kind())
	}
}

func checkLeaf(t *testing.T, path string, typ reflect.Type) {
	switch typ.Kind() {
	case reflect.String, reflect.Int32, reflect.Uint32, reflect.Uint64:
	default:
		t.Errorf("%s: Marshal does not know %s in a list or map", path, typ)
	}
}
