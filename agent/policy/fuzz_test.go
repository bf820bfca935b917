package policy

import (
	"strings"
	"testing"
)

// FuzzParse: whatever the text, Parse gives a policy that prints and reads
// back as itself, or an error that is one harmless sentence about a line of the file.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"syscountd.toml", "quickstart.toml"} {
		f.Add(readConfig(f, name))
	}
	for _, text := range tomlSamples {
		f.Add(text)
	}
	f.Add("[[rule]]\nname = 'a'\nsyscalls = ['@wait']\nunits = ['[a-z]*']\ncomms = ['?']\nfd = ['none']\nthreshold = 'never'\n")
	f.Add("rule = [{name = \"a\", threshold = \"1s\"}]\n[filter]\npids = [1]\ncgroups = [\"/\"]\n")
	f.Add("a = {b = [{c.d = 1}, {c = {}}]}\n[a.x]\n")
	f.Add("a = [{b=" + strings.Repeat("l", 1000))
	f.Add("a.b = 1\n[a]\nc = 2\n")
	f.Add("\"\\U0000FFFF\\x41\\e\" = \"\"\"\\\n \"\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		checkScanner(t, text)
		p, err := Parse("p.toml", []byte(text))
		if err != nil {
			checkSentence(t, text, err.(*Error))
			return
		}
		again, err := Parse("p.toml", []byte(p.TOML()))
		if err != nil || !equal(again, p) {
			t.Fatalf("does not read back: %v\n%s", err, p.TOML())
		}
		p.Describe()
		p.Judge(Call{Syscall: "fsync", Unit: text, Comm: text, FDKind: text, Duration: 1})
	})
}

func checkSentence(t *testing.T, text string, e *Error) {
	t.Helper()
	lines := strings.Count(text, "\n") + 1
	if e.Line < 1 || e.Line > lines || e.Column < 1 {
		t.Fatalf("%d:%d is no place in a file of %d lines: %v", e.Line, e.Column, lines, e)
	}
	if s := e.Error(); printable(s) != s || len(s) > 1000 {
		t.Fatalf("the error is not a harmless sentence: %q", s)
	}
}
