// Package recordtest lets any test hold a line of output against the published
// schema.
package recordtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/syscountd/syscountd/agent/record"
)

// Validate fails the test when a line, given without its newline, is not a
// record of configs/syscountd.schema.json or is longer than record.MaxLine.
func Validate(t testing.TB, line []byte) {
	t.Helper()
	if err := Check(line); err != nil {
		t.Errorf("not a record: %v\n%s", err, line)
	}
}

// Check is Validate without the test.
func Check(line []byte) error {
	switch {
	case len(line) > record.MaxLine:
		return fmt.Errorf("%d bytes, %d allowed", len(line), record.MaxLine)
	case !utf8.Valid(line):
		return errors.New("invalid UTF-8")
	case bytes.ContainsAny(line, "\r\n"):
		return errors.New("more than one line")
	}
	object, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return fmt.Errorf("parse JSON: %w", err)
	}
	schemas, err := compiled()
	if err != nil {
		return err
	}
	if err := schemas[""].Validate(object); err != nil {
		return explain(schemas, object, err)
	}
	return nil
}

// explain tells why an object is not a record of its own event: the error of
// the schema's oneOf also tells why it is none of the others.
func explain(schemas map[string]*jsonschema.Schema, object any, err error) error {
	if m, ok := object.(map[string]any); ok {
		event, _ := m["event"].(string)
		if s := schemas[event]; s != nil && event != "" {
			return s.Validate(object)
		}
	}
	return err
}

// compiled has the schema of each event by its name, and the whole one by "".
var compiled = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	path, err := SchemaFile()
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	schemas := map[string]*jsonschema.Schema{}
	for _, event := range []string{
		"", record.EventSlow, record.EventStuck, record.EventEnded, record.EventIncident,
		record.EventSummary, record.EventInterval, record.EventState, record.EventLog,
	} {
		url := path
		if event != "" {
			url += "#/$defs/" + event
		}
		if schemas[event], err = c.Compile(url); err != nil {
			return nil, fmt.Errorf("compile schema: %w", err)
		}
	}
	return schemas, nil
})

// SchemaFile finds configs/syscountd.schema.json from the directory of whatever
// package is being tested.
func SchemaFile() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find schema: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "configs", "syscountd.schema.json"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find schema: no go.mod in this directory or above")
		}
	}
}
