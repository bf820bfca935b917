package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be what the bench starts itself as.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && isCommand(os.Args[1]) {
		main()
		return
	}
	// The race detector sleeps a second at the end of each process: of each load.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

func TestRunRefusesACommandThatIsNotWellFormed(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"load", "x"}, `load "x": must be a number`},
		{[]string{"rows", ""}, `rows "": must be a number`},
		{[]string{"server", "-1"}, `server "-1": must be a number`},
		{[]string{"surprise"}, `unexpected argument "surprise"`},
	} {
		err := run(context.Background(), test.args, strings.NewReader(""), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("run(%q) = %v, want an error with %q", test.args, err, test.want)
		}
	}
}

func TestPublishPrintsTextOrJSONAndWritesMarkdown(t *testing.T) {
	r := sampleResult()
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	var text, encoded bytes.Buffer
	if err := (options{write: path}).publish(r, &text); err != nil {
		t.Fatal(err)
	}
	if text.String() != r.text() {
		t.Errorf("printed %q", text.String())
	}
	written, err := os.ReadFile(path)
	if err != nil || string(written) != r.markdown() {
		t.Errorf("wrote %q, %v", written, err)
	}

	if err := (options{json: true}).publish(r, &encoded); err != nil {
		t.Fatal(err)
	}
	var decoded result
	if err := json.Unmarshal(encoded.Bytes(), &decoded); err != nil {
		t.Fatal(err)
	}
	if got := decoded.subject(keyProcess).AddedNs["getppid"][1]; got != 66 {
		t.Errorf("round 1 of the account by process is %v in JSON, want 66", got)
	}
	if got := decoded.subject(keyPerfTrace).Failure; got != "no perf | here" {
		t.Errorf("did_not_run is %q in JSON", got)
	}
}

func TestPublishSaysWhichFileItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "benchmarks.md")
	err := (options{write: path}).publish(sampleResult(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("publish = %v, want an error that names %s", err, path)
	}
}
