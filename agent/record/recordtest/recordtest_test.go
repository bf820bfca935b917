package recordtest

import (
	"strings"
	"testing"
)

const good = `{"time":"2026-11-22T03:12:07.118204551Z","level":"INFO","msg":"hello","event":"log","schema":"syscountd/1","seq":1,"boot_id":"0123456789abcdef0123456789abcdef"}`

func TestCheck(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"a record":          {good, ""},
		"unknown key":       {strings.Replace(good, `"seq"`, `"more":1,"seq"`, 1), "'more' not allowed"},
		"missing key":       {strings.Replace(good, `"seq":1,`, ``, 1), "missing property 'seq'"},
		"null":              {strings.Replace(good, `"hello"`, `null`, 1), "got null, want string"},
		"unknown event":     {strings.Replace(good, `"log"`, `"blog"`, 1), "oneOf"},
		"key of another":    {strings.Replace(good, `"seq"`, `"duration_ns":1,"seq"`, 1), "'duration_ns' not allowed"},
		"control character": {strings.Replace(good, `hello`, `\u001b[2J`, 1), "does not match pattern"},
		"bidi override":     {strings.Replace(good, `hello`, "\u202e", 1), "does not match pattern"},
		"coarse time":       {strings.Replace(good, `07.118204551Z`, `07Z`, 1), "does not match pattern"},
		"not an object":     {`[]`, "got array, want object"},
		"not JSON":          {`{`, "parse JSON"},
		"two lines":         {good + "\n" + good, "more than one line"},
		"invalid UTF-8":     {strings.Replace(good, `hello`, "\xff", 1), "invalid UTF-8"},
		"too long":          {strings.Replace(good, `hello`, strings.Repeat("x", 3500), 1), "3500 allowed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := Check([]byte(tt.line))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && err == nil:
				t.Errorf("accepted: %s", tt.line)
			case tt.want != "" && !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

func TestValidateFailsTheTest(t *testing.T) {
	fake := &fakeTB{TB: t}
	Validate(fake, []byte(good))
	if fake.failed {
		t.Error("a record failed the test")
	}
	Validate(fake, []byte(`{}`))
	if !fake.failed {
		t.Error("an empty object did not fail the test")
	}
}

type fakeTB struct {
	testing.TB
	failed bool
}

func (f *fakeTB) Helper()               {}
func (f *fakeTB) Errorf(string, ...any) { f.failed = true }

func TestSchemaFileOutsideOfAModule(t *testing.T) {
	t.Chdir(t.TempDir())
	if path, err := SchemaFile(); err == nil {
		t.Errorf("found %s", path)
	}
}
