package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// Whatever form a document has, an error is on the line where its key or its
// array element is.
func TestErrorsAreOnTheLineOfTheirKey(t *testing.T) {
	for _, tt := range []struct {
		name, text   string
		line, column int
	}{
		{"plain", "[collect]\ntop = 0", 2, 1},
		{"indented", "[collect]\n\t top = 0", 2, 3},
		{"after comments", "# [slow]\n[collect] # top = 1\n# top = 3\ntop = 0 # here", 4, 1},
		{"carriage returns", "[collect]\r\n\r\ntop = 0\r\n", 3, 1},
		{"byte order mark", "\ufefftop = 0", 1, 1},
		{"dotted key", "\ncollect.top = 0", 2, 9},
		{"dotted key with spaces", "collect . \"top\" = 0", 1, 11},
		{"quoted key", "[\"collect\"]\n'top' = 0", 2, 1},
		{"escaped key", "[\"c\\u006fllect\"]\n\"t\\u006fp\" = 0", 2, 1},
		{"inline table", "slow = {threshold = \"1s\"}\ncollect = {mode = \"account\", top = 0}", 2, 30},
		{"inline table with a dotted key", "x.y = 1\ncollect.top = 0", 1, 1},
		{"inline table over lines", "collect = {\n mode = \"account\", # }\n top = 0,\n}", 3, 2},
		{"header with spaces", "[ collect ]\ntop=0", 2, 1},
		{"second rule", "[[rule]]\nname='a'\nthreshold='1s'\n[[rule]]\nname='b'\nthreshold='0s'", 6, 1},
		{"first rule of two", "[[rule]]\nname='a'\nthreshold='0s'\n[[rule]]\nname='b'\nthreshold='1s'", 3, 1},
		{"rule between sections", "[[rule]]\nname='a'\nthreshold='1s'\n[slow]\n[[rule]]\nname='b'\nthreshold='0s'", 7, 1},
		{"inline rules", "rule = [\n {name='a', threshold='1s'},\n {name='b',\n threshold='0s'},\n]", 4, 2},
		{"rule with a table in it", "[[rule]]\nname='a'\nthreshold='1s'\n[[rule]]\nname='b'\nthreshold='1s'\n[rule.extra]\nx=1", 7, 7},
		{"array element", "[filter]\npids = [1, 2,\n  3, # 0\n  0, 4]", 4, 3},
		{"array element after strings", "[filter]\nsyscalls = [\"read\", 'write',\n\"\"\"\nopen\"\"\",\n'''nope''']", 5, 1},
		{"array element with brackets in strings", "[filter]\nunits = [\"a.service\",\n  \"b]#.service\"]", 3, 3},
		{"after a multi-line string", "[[rule]]\nname = \"\"\"\\\n   a\\\n   \"\"\"\nthreshold = '''0s'''", 5, 1},
		{"after escaped quotes", "[[rule]]\nname = \"\"\"a\\\"\"\"\"\nthreshold = '1s'\nx = 1", 2, 1},
		{"after quotes at the end of a string", "[[rule]]\ncomms = [\"\"\"\"a\"\"\"\"\", \"b\\\"\"]\nname = 'a'\nthreshold = '0s'", 4, 1},
		{"after a quote in a literal", "[[rule]]\ncomms = ['\"', '''a'b''c''''']\nname = 'a'\nthreshold = '0s'", 4, 1},
		{"missing key: at the rule", "\n\n[[rule]]\nname = 'a'", 3, 3},
		{"a date with a space", "[output]\njournal = 1979-05-27 07:32:00\n", 2, 1},
		{"a header above its parent's", "[collect.x]\n[collect]\ntop = 1", 1, 10},
	} {
		e := parseError(t, tt.text)
		if e.Line != tt.line || e.Column != tt.column {
			t.Errorf("%s: %d:%d, want %d:%d (%v)", tt.name, e.Line, e.Column, tt.line, tt.column, e)
		}
	}
}

// Where the library fails, its own position is given.
func TestSyntaxErrorsAreOnTheirLine(t *testing.T) {
	for text, line := range map[string]int{
		"a = 1\nb = \nc = 3":               2,
		"a = [1,\n2,\nb = 3":               3,
		"a = \"\"\"\nx\n":                  2, // the last line of what did not end
		"a = 1\n= 2":                       2,
		"a = 1 b = 2":                      1,
		"a = 1\n[b\n":                      2,
		"a = {b = 1\n\nc = 2}":             3,
		"[a]\nb = 'x":                      2,
		"\n\n\x01":                         3,
		"a = 'b'\n" + "c = \"\\q\"\nd = 1": 2,
	} {
		if e := parseError(t, text); e.Line != line {
			t.Errorf("%q: line %d, want %d (%v)", text, e.Line, line, e)
		}
	}
}

// agree checks that the marks have the shape of the values that the library read.
func agree(path string, value any, m *mark) error {
	switch v := value.(type) {
	case map[string]any:
		if len(v) != len(m.keys) {
			return fmt.Errorf("%s has %d keys, and marks for %d", path, len(v), len(m.keys))
		}
		for key, child := range v {
			if m.keys[key] == nil {
				return fmt.Errorf("%s.%q has no mark", path, key)
			}
			if err := agree(path+"."+key, child, m.keys[key]); err != nil {
				return err
			}
		}
	case []any:
		return agreeItems(path, len(v), m, func(i int) any { return v[i] })
	case []map[string]any:
		return agreeItems(path, len(v), m, func(i int) any { return v[i] })
	}
	return nil
}

func agreeItems(path string, n int, m *mark, at func(int) any) error {
	if n != len(m.items) {
		return fmt.Errorf("%s has %d elements, and marks for %d", path, n, len(m.items))
	}
	for i := range n {
		if err := agree(fmt.Sprintf("%s[%d]", path, i), at(i), m.items[i]); err != nil {
			return err
		}
	}
	return nil
}

// tomlSamples are documents with all the forms that TOML has.
var tomlSamples = []string{
	"",
	"a = 1",
	"a.b.c = 1\na.d = 2\n\"x y\".z = 3",
	"[a]\n[a.b]\nc = 1\n[d]\n[a.b.e]",
	"[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 2\n[[a.e]]\n[[a.e]]\nf = 3",
	"a = [1, [2, 3], [], [[4]], \"x\", 'y', {b = 1, c.d = 2}, ]",
	"a = {}\nb = { }\nc = {d = {e = {}}}",
	"a = 1979-05-27 07:32:00.5 # date\nb = 07:32:00\nc = 1979-05-27T07:32:00Z",
	"a = -inf\nb = 0x_\n",
	"a = nan\nb = +1.5e3\nc = 0xdead_beef\nd = 0b1\ne = true",
	"a = \"\"\"\n]}#\"\\\"\"\"\\\\\"\"\"\nb = '''\n'']}#'''\nc = \"\\\\\"\nd = '\\'",
	"a = \"\"\nb = ''\nc = \"\"\"\"\"\"\nd = ''''''\ne = \"\"\"\"\"\"\"\"\nf = ''''''''",
	"a = [ # ]\n 1, # ,\n # x\n 2 # y\n]\nb = 1",
	"\"\" = 1\n'a.b' = 2\n\"a\\tb\" = 3\n\"\\U0001F600\" = 4",
	"[ a . \"b\" . 'c' ]\nd=1\n[[ e ]]\n",
	"a = 1\r\n[b]\r\nc = [\r\n1,\r\n]\r\n",
}

func TestTheScannerSeesWhatTheLibrarySees(t *testing.T) {
	for _, text := range tomlSamples {
		checkScanner(t, text)
	}
}

// checkScanner holds the scanner against the library: what the library accepts, the
// scanner has to go through to the end, with marks of the same shape.
func checkScanner(t *testing.T, text string) {
	t.Helper()
	if isUTF16(text) {
		return // Parse does not let it come to this
	}
	root, s, ok := scan(text)
	if !ok && s.reason != "" {
		return // too deep: the library must not see it
	}
	if !ok {
		text = text[:min(s.at+maxShown, len(text))]
	}
	values := map[string]any{}
	_, err := toml.Decode(text, &values)
	if err != nil {
		return
	}
	if !ok && strings.Contains(text, `\""""""`) {
		return // six quotes end no string; the library takes the backslash for that of an escaped one
	}
	if !ok {
		t.Fatalf("the scanner stopped at %d of %q, which is TOML", s.at, text)
	}
	if err := agree("", values, root); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

func TestTheScannerStopsAtTheDepthThatItIsGiven(t *testing.T) {
	for text, want := range map[string]bool{
		"a = " + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth):     true,
		"a = " + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1): false,
		"a = " + strings.Repeat("{b=", maxDepth) + "1" + strings.Repeat("}", 8):    true,
		"a = " + strings.Repeat("[{b=", maxDepth) + "1":                            false,
		strings.Repeat("a.", maxKeyParts-1) + "a = 1":                              true,
		strings.Repeat("a.", maxKeyParts) + "a = 1":                                false,
		"[" + strings.Repeat("a.", maxKeyParts) + "a]":                             false,
	} {
		if _, s, ok := scan(text); ok != want || !ok && s.reason == "" {
			t.Errorf("%q: %v, %q", text, ok, s.reason)
		}
	}
}
