package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/bpf"
)

// FuzzParse: whatever the text, Parse gives a policy that prints and reads
// back as itself, or an error that is one harmless sentence about a line of the file.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"syscountd.toml", "quickstart.toml", "examples/database.toml", "examples/latency-critical.toml", "examples/audit-one-unit.toml"} {
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

// FuzzJudge: under any policy that Parse accepts, whoever makes whatever call, the judge agrees with
// its explanation and with the same policy read back, and what is slow is not below what the
// kernel side is told.
func FuzzJudge(f *testing.F) {
	for name, samples := range examples {
		text := readConfig(f, "examples/"+name)
		for _, s := range samples {
			f.Add(text, s.call.Syscall, s.call.Unit, s.call.Comm, strings.Join(s.call.Paths, ":"), s.call.FDKind, int64(s.call.Duration), s.call.Errno, byte(0))
		}
	}
	f.Add("[[rule]]\nname = 'a'\nabis = ['i386']\nunits = ['[!-~]*']\ncgroups = ['/**']\nresult = 'ok'\ncpu = '1%'\nthreshold = '1us'\n", "read", "/", "", "", "none", int64(-1), 0, byte(0xff))
	f.Fuzz(func(t *testing.T, text, syscall, unit, comm, paths, kind string, took int64, errno int, flags byte) {
		p, err := Parse("p.toml", []byte(text))
		if err != nil {
			return
		}
		half := time.Duration(took / 2)
		c := Call{
			Syscall: syscall, ABI: bpf.ABI(flags & 7), Unit: unit, Cgroup: unit, ContainerID: unit, Runtime: comm, Comm: comm, Executable: paths,
			UID: uint32(errno), FDKind: kind, Paths: strings.Split(paths, ":"), Duration: time.Duration(took), Open: flags&8 != 0, Errno: errno,
			Times: Times{flags&16 != 0, half, half / 2, half / 2}, HasTimeout: flags&32 != 0, Overshoot: half,
		}
		v, slow := p.Judge(c)
		e := p.Explain(c)
		if last := len(e.Steps) - 1; e.Verdict != v || e.Slow != slow || (last >= 0 && e.Steps[last].Matches) != (v.Rule != defaultVerdict) {
			t.Fatalf("%+v: %+v, %v; explained by %+v", c, v, slow, e)
		}
		if slow && c.Duration < e.Kernel && (!v.Overshoot || decode.TakesTimeout(syscall)) {
			t.Fatalf("%+v is slow by %+v, the kernel side hands it over from %v on", c, v, e.Kernel)
		}
		again, err := Parse("p.toml", []byte(p.TOML()))
		if err != nil {
			t.Fatal(err)
		}
		if w, slowToo := again.Judge(c); w != v || slowToo != slow {
			t.Fatalf("%+v: %+v, %v; read back %+v, %v", c, v, slow, w, slowToo)
		}
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
