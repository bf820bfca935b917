package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// host is a root directory with the files of a policy.
type host struct {
	t    *testing.T
	root string
}

func newHost(t *testing.T, files map[string]string) host {
	t.Helper()
	h := host{t, t.TempDir()}
	for name, text := range files {
		h.write(name, text)
	}
	return h
}

// path is that of a file in /usr/lib, /run or /etc: "etc/main" or "etc/10-x.toml".
func (h host) path(name string) string {
	dir, file, _ := strings.Cut(name, "/")
	if dir == "lib" {
		dir = "usr/lib"
	}
	if file == "main" {
		return filepath.Join(h.root, dir, mainFile)
	}
	return filepath.Join(h.root, dir, dropInDir, file)
}

func (h host) write(name, text string) {
	h.t.Helper()
	path := h.path(name)
	must(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	if target, isLink := strings.CutPrefix(text, "->"); isLink {
		must(h.t, os.Symlink(target, path))
		return
	}
	must(h.t, os.WriteFile(path, []byte(text), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h host) load() (*Policy, error) {
	var dirs []string
	for _, dir := range HostDirs() {
		dirs = append(dirs, filepath.Join(h.root, dir))
	}
	return LoadDirs(dirs)
}

// names turns the paths of a policy's files back.
func (h host) names(p *Policy) (names []string) {
	for _, file := range p.Files {
		rel := strings.TrimPrefix(strings.TrimPrefix(file, h.root+"/"), "usr/")
		rel = strings.Replace(strings.Replace(rel, dropInDir+"/", "", 1), mainFile, "main", 1)
		names = append(names, rel)
	}
	return names
}

func top(n int) string { return fmt.Sprintf("[collect]\ntop = %d\n", n) }

func TestWhichFilesCount(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		top   int
		want  []string
	}{
		{"none", nil, 20, nil},
		{"vendor alone", map[string]string{"lib/main": top(1)}, 1, []string{"lib/main"}},
		{"the administrator's replaces the vendor's", map[string]string{"lib/main": top(1), "etc/main": ""}, 20, []string{"etc/main"}},
		{"run replaces the vendor's", map[string]string{"lib/main": top(1), "run/main": top(2)}, 2, []string{"run/main"}},
		{"the administrator's replaces run's", map[string]string{"run/main": top(2), "etc/main": top(3)}, 3, []string{"etc/main"}},
		{"a broken one that is replaced", map[string]string{"lib/main": "?", "etc/main": top(3)}, 3, []string{"etc/main"}},
		{"the main file is masked", map[string]string{"lib/main": top(1), "etc/main": "->/dev/null"}, 20, []string{"etc/main"}},
		{"drop-ins by name, not by directory", map[string]string{"etc/10-a.toml": top(1), "run/20-b.toml": top(2), "lib/30-c.toml": top(3)}, 3, []string{"etc/10-a.toml", "run/20-b.toml", "lib/30-c.toml"}},
		{"the same name: etc before run", map[string]string{"etc/a.toml": top(1), "run/a.toml": top(2), "lib/a.toml": top(3)}, 1, []string{"etc/a.toml"}},
		{"the same name: run before lib", map[string]string{"run/a.toml": top(2), "lib/a.toml": top(3)}, 2, []string{"run/a.toml"}},
		{"masked by a link", map[string]string{"etc/a.toml": "->/dev/null", "lib/a.toml": top(3)}, 20, nil},
		{"masked by an empty file", map[string]string{"run/a.toml": "", "lib/a.toml": top(3)}, 20, nil},
		{"a mask below counts for nothing", map[string]string{"run/a.toml": "->/dev/null", "etc/a.toml": top(3)}, 3, []string{"etc/a.toml"}},
		{"a broken one that is masked", map[string]string{"etc/a.toml": "->/dev/null", "lib/a.toml": "?"}, 20, nil},
		{"drop-ins over the main file", map[string]string{"etc/main": top(1), "lib/a.toml": top(2)}, 2, []string{"etc/main", "lib/a.toml"}},
		{"other names are no drop-ins", map[string]string{"etc/README": "?", "etc/a.toml.bak": "?", "etc/.a.toml": "?", "etc/a.conf": "?"}, 20, nil},
		{"a link to another file", map[string]string{"etc/main": top(4), "etc/a.toml": "->../syscountd.toml"}, 4, []string{"etc/main", "etc/a.toml"}},
	} {
		h := newHost(t, tt.files)
		p, err := h.load()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := h.names(p); p.Collect.Top != tt.top || !slices.Equal(got, tt.want) {
			t.Errorf("%s: top %d from %v", tt.name, p.Collect.Top, got)
		}
	}
}

func rule(name, threshold string) string {
	return fmt.Sprintf("[[rule]]\nname = %q\nthreshold = %q\n", name, threshold)
}

func ruleNames(p *Policy) string {
	var names []string
	for _, r := range p.Rules {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

func TestRulesOfDropIns(t *testing.T) {
	builtIn := ruleNames(Default())
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"before the main file's", map[string]string{"etc/main": rule("m", "1s") + rule("n", "1s"), "etc/a.toml": rule("x", "1s") + rule("y", "1s")}, "x y m n"},
		{"the later drop-in first", map[string]string{"etc/main": rule("m", "1s"), "etc/a.toml": rule("a", "1s"), "etc/b.toml": rule("b", "1s")}, "b a m"},
		{"before the built-in ones", map[string]string{"etc/a.toml": rule("a", "1s")}, "a " + builtIn},
		{"one with a known name in its place", map[string]string{"etc/a.toml": rule("storage", "1s") + rule("a", "1s")}, "a " + builtIn},
		{"rule = [] begins anew", map[string]string{"etc/main": rule("m", "1s"), "etc/a.toml": rule("a", "1s"), "etc/b.toml": "rule = []", "etc/c.toml": rule("c", "1s")}, "c"},
		{"a drop-in without rules", map[string]string{"etc/a.toml": top(3)}, builtIn},
	} {
		p, err := newHost(t, tt.files).load()
		if err != nil || ruleNames(p) != tt.want {
			t.Errorf("%s: %v, %v; want %s", tt.name, ruleNames(p), err, tt.want)
		}
	}
}

func TestADropInReplacesARuleAsAWhole(t *testing.T) {
	h := newHost(t, map[string]string{
		"etc/main":   "[[rule]]\nname = \"a\"\nunits = [\"x.service\"]\nthreshold = \"1s\"\nseverity = \"crit\"\n",
		"etc/b.toml": rule("a", "2s"),
	})
	p, err := h.load()
	must(t, err)
	if want := []Rule{{Name: "a", Threshold: 2 * time.Second, Severity: Warning}}; !reflect.DeepEqual(p.Rules, want) {
		t.Errorf("rules %+v", p.Rules)
	}
	if o, set := p.Origin("rule.a.severity"); set {
		t.Errorf("a key of the replaced rule comes from %v", o)
	}
}

func TestAListOfAFilterIsReplacedAsAWhole(t *testing.T) {
	p, err := newHost(t, map[string]string{
		"etc/main":   "[filter]\npids = [1]\nunits = [\"a.service\"]\n",
		"etc/a.toml": "[filter]\nunits = []\n",
	}).load()
	must(t, err)
	if len(p.Filter.Units) != 0 || !slices.Equal(p.Filter.PIDs, []uint32{1}) {
		t.Errorf("filter %+v", p.Filter)
	}
}

func TestEveryKeySaysWhereItWasSet(t *testing.T) {
	h := newHost(t, map[string]string{
		"lib/main":   "[collect]\ntop = 5\nsample = 2\n" + rule("a", "never"),
		"etc/b.toml": "\n[collect]\ntop = 6\n[[rule]]\nname = \"b\"\n\nthreshold = \"1s\"\n",
	})
	p, err := h.load()
	must(t, err)
	text := strings.ReplaceAll(p.AnnotatedTOML(), h.root, "")
	for _, want := range []string{
		"top = 6 # /etc/syscountd/syscountd.toml.d/b.toml:3\n",
		"sample = 2 # /usr/lib/syscountd/syscountd.toml:3\n",
		"mode = \"auto\" # default\n",
		"name = \"b\" # /etc/syscountd/syscountd.toml.d/b.toml:5\nthreshold = \"1s\" # /etc/syscountd/syscountd.toml.d/b.toml:7\nseverity = \"warning\" # default\n",
		"action = \"ignore\" # /usr/lib/syscountd/syscountd.toml:6\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if again := mustParse(t, p.AnnotatedTOML()); !equal(again, p) {
		t.Error("does not read back")
	}
	want := `Set in files; all other keys have their defaults:
  /usr/lib/syscountd/syscountd.toml:3: collect.sample
  /usr/lib/syscountd/syscountd.toml:5: rule.a
  /etc/syscountd/syscountd.toml.d/b.toml:3: collect.top
  /etc/syscountd/syscountd.toml.d/b.toml:5: rule.b
`
	if got := strings.ReplaceAll(p.Sources(), h.root, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Default().Sources(); got != "" {
		t.Errorf("the default comes from %s", got)
	}
}

func TestErrorsOfDropIns(t *testing.T) {
	many := map[string]string{}
	for i := range maxDropIns + 1 {
		many[fmt.Sprintf("etc/%d.toml", i)] = ""
	}
	var rules strings.Builder
	for i := range 600 {
		rules.WriteString(rule(fmt.Sprintf("r%d", i), "1s"))
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"a broken drop-in", map[string]string{"etc/main": "", "run/a.toml": "[collect]\ntop = 0"}, "/run/syscountd/syscountd.toml.d/a.toml:2: collect.top = 0: must be between 1 and 1000"},
		{"too many", many, "/etc/syscountd/syscountd.toml.d: there are 257 drop-ins in all directories; at most 256 are allowed"},
		{"too many rules in all", map[string]string{"etc/a.toml": rules.String(), "etc/b.toml": strings.ReplaceAll(rules.String(), "\"r", "\"s")},
			"/etc/syscountd/syscountd.toml.d/b.toml:2: rule: there are 1209 in all files; at most 1000 are allowed"},
		{"what two files mean together", map[string]string{"etc/a.toml": "[[rule]]\nname = \"a\"\nthreshold = \"1s\"\nio_wait = \"50%\"", "etc/b.toml": "[collect]\nwaits = false"},
			"/etc/syscountd/syscountd.toml.d/a.toml:4: rule \"a\": io_wait: can never match: it needs [collect] waits = true"},
		{"more than journald takes", map[string]string{"etc/a.toml": "[limits]\nburst = 5000", "etc/b.toml": "[limits]\nrecords_per_second = 200"},
			"/etc/syscountd/syscountd.toml.d/b.toml:2: limits.records_per_second: with records_per_second = 200, burst = 5000, interval = \"1m\" and top = 20 there may be 11662 records in 30 s; journald drops what is beyond 10000"},
		{"more summaries than journald takes", map[string]string{"etc/a.toml": "[collect]\ninterval = \"2s\"\ntop = 1000"},
			"/etc/syscountd/syscountd.toml.d/a.toml:3: collect.top: with records_per_second = 50, burst = 200, interval = \"2s\" and top = 1000 there may be 17538 records in 30 s; journald drops what is beyond 10000"},
	} {
		h := newHost(t, tt.files)
		_, err := h.load()
		var e *Error
		if !errors.As(err, &e) || strings.ReplaceAll(e.Error(), h.root, "") != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

// A file that is there and cannot be read is not passed over.
func TestFilesThatCannotBeRead(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"a main file that leads nowhere": {"etc/main": "->nowhere", "lib/main": ""},
		"a drop-in that leads nowhere":   {"etc/a.toml": "->nowhere"},
		"a directory":                    {"etc/a.toml/x": ""},
		"a file for the directory":       {"etc/": ""},
	} {
		h := host{t, t.TempDir()}
		for file, text := range files {
			if file == "etc/" {
				must(t, os.MkdirAll(filepath.Join(h.root, "etc/syscountd"), 0o755))
				must(t, os.WriteFile(filepath.Join(h.root, "etc", dropInDir), nil, 0o600))
				continue
			}
			h.write(file, text)
		}
		var e *Error
		if _, err := h.load(); !errors.As(err, &e) || !strings.HasPrefix(e.File, h.root) || !strings.HasPrefix(e.Error(), e.File+": cannot be read: ") || strings.Count(e.Error(), h.root) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadFile(t *testing.T) {
	h := newHost(t, map[string]string{"etc/main": top(3), "etc/a.toml": top(4), "etc/long.toml": strings.Repeat("#", MaxBytes+1)})
	p, err := LoadFile(h.path("etc/main"))
	if err != nil || p.Collect.Top != 3 || len(p.Files) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := LoadFile(h.path("etc/absent")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "absent") {
		t.Errorf("one that is absent: %v", err)
	}
	for _, path := range []string{h.path("etc/long.toml"), "/dev/zero"} {
		var e *Error
		if _, err := LoadFile(path); !errors.As(err, &e) || e.File != path || !strings.Contains(e.Reason, "is longer than 1024 KiB") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
