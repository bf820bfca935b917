package record_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
)

const document = "../../docs/records.md"

// example is a record in the document, after the name of its golden file.
var example = regexp.MustCompile("(?s)<!-- testdata/([a-z-]+\\.json) -->\n```json\n(.*?)```\n")

func readDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The examples of the document are the golden files, folded.
// SYSCOUNT_UPDATE_GOLDEN=1 writes them, once the golden files are right.
func TestTheDocumentShowsTheGoldenRecords(t *testing.T) {
	text := readDocument(t)
	if os.Getenv("SYSCOUNT_UPDATE_GOLDEN") != "" {
		text = example.ReplaceAllStringFunc(text, func(block string) string {
			name := example.FindStringSubmatch(block)[1]
			return "<!-- testdata/" + name + " -->\n```json\n" + fold(t, goldenLine(t, name)) + "```\n"
		})
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[string]bool{}
	for _, block := range example.FindAllStringSubmatch(text, -1) {
		var line bytes.Buffer
		if err := json.Compact(&line, []byte(block[2])); err != nil {
			t.Errorf("%s: %v", block[1], err)
			continue
		}
		recordtest.Validate(t, line.Bytes())
		if want := goldenLine(t, block[1]); !bytes.Equal(line.Bytes(), want) {
			t.Errorf("%s:\ngot  %s\nwant %s", block[1], line.Bytes(), want)
		}
		var head record.Header
		if err := json.Unmarshal(line.Bytes(), &head); err != nil {
			t.Error(err)
		}
		shown[head.Event] = true
	}
	for _, r := range events() {
		if !shown[r.Event()] {
			t.Errorf("no example of %s", r.Event())
		}
		if !strings.Contains(text, "\n## "+r.Event()+"\n") {
			t.Errorf("no chapter on %s", r.Event())
		}
	}
}

func goldenLine(t *testing.T, name string) []byte {
	t.Helper()
	line, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(line, []byte("\n"))
}

// fold writes each key of an object on a line of its own, and those of a long
// object in it as well.
func fold(t *testing.T, line []byte) string {
	t.Helper()
	return foldObject(t, line, "") + "\n"
}

func foldObject(t *testing.T, object []byte, indent string) string {
	t.Helper()
	const long = 110
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		text := string(value)
		if value[0] == '{' && len(value) > long {
			text = foldObject(t, value, indent+"  ")
		}
		name, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, indent+"  "+string(name)+": "+text)
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n" + indent + "}"
}

// Each key of the schema is explained, each message id is the one in use.
func TestTheDocumentHasEveryKey(t *testing.T) {
	words := map[string]bool{}
	for _, code := range regexp.MustCompile("`[^`\n]+`").FindAllString(example.ReplaceAllString(readDocument(t), ""), -1) {
		for _, word := range strings.FieldsFunc(code, func(r rune) bool { return r == '`' || r == '.' || r == ' ' }) {
			words[word] = true
		}
	}
	for key := range propertiesOf(map[string]any(loadSchema(t))) {
		if !words[key] {
			t.Errorf("the key %s is not explained", key)
		}
	}
}

// propertiesOf has the names of all keys that a schema speaks of.
func propertiesOf(node any) map[string]bool {
	names := map[string]bool{}
	switch node := node.(type) {
	case map[string]any:
		if properties, ok := node["properties"].(map[string]any); ok {
			for name := range properties {
				names[name] = true
			}
		}
		for _, child := range node {
			for name := range propertiesOf(child) {
				names[name] = true
			}
		}
	case []any:
		for _, child := range node {
			for name := range propertiesOf(child) {
				names[name] = true
			}
		}
	}
	return names
}
