package system

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// commandTimeout is for commands that end by themselves.
const commandTimeout = time.Minute

// unit is the service under test.
const unit = "syscountd.service"

// machine is a booted container with the package installed, for one test.
type machine struct {
	*container
	killed bool // the service was: what waited for the journal then is a gap in its records' numbers
}

// boot boots a machine, which is gone when the test ends. The journal of a failed
// test is shown.
func boot(t *testing.T) *machine {
	t.Helper()
	c, err := bootContainer(t.Context(), lab.cache, lab.layers...)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{container: c}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("journal:\n%s", m.try("journalctl", "--no-pager", "--output=short-monotonic", "--unit="+unit, "--unit=dbus.service").stdout)
		}
		if err := c.halt(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// bootRunning boots a machine whose service runs with that policy ("" is the
// shipped one).
func bootRunning(t *testing.T, policy string) *machine {
	t.Helper()
	m := boot(t)
	if policy != "" {
		m.writePolicy(t, policy)
	}
	m.run(t, "systemctl", "start", unit)
	return m
}

// result is what a command has left.
type result struct {
	stdout, stderr string
	code           int
}

// try runs a command in the machine.
func (m *machine) try(args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := m.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.code, r.stderr = -1, r.stderr+err.Error()
	}
	return r
}

// run runs a command that has to succeed, and gives its output without the last
// line feed.
func (m *machine) run(t *testing.T, args ...string) string {
	t.Helper()
	r := m.try(args...)
	if r.code != 0 {
		t.Fatalf("%q: exit status %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// property is a property of the service, as systemctl shows it.
func (m *machine) property(t *testing.T, name string) string {
	t.Helper()
	return m.run(t, "systemctl", "show", "--value", "--property="+name, unit)
}

// number is a property that is one.
func (m *machine) number(t *testing.T, name string) int64 {
	t.Helper()
	text := m.property(t, name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("property %s: %v", name, err)
	}
	return n
}

// writePolicy writes /etc/syscountd/syscountd.toml.
func (m *machine) writePolicy(t *testing.T, text string) {
	t.Helper()
	path := m.path(policyFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const policyFile = "/etc/syscountd/syscountd.toml"

// read is a file of the machine.
func (m *machine) read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(m.path(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// process is a command in the machine that the test talks with.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// start starts a command; it is killed when the test ends, if it still runs.
func (m *machine) start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := m.command(ctx, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if cmd.ProcessState == nil {
			cmd.Wait()
		}
	})
	return &process{cmd, stdin, bufio.NewScanner(stdout)}
}

// line is the next line of the process's output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("%q ended its output early: %v", p.cmd.Args, p.lines.Err())
	}
	return p.lines.Text()
}

// decode decodes the next line of the process's output.
func (p *process) decode(t *testing.T, v any) {
	t.Helper()
	line := p.line(t)
	if err := json.Unmarshal([]byte(line), v); err != nil {
		t.Fatalf("%q printed %q: %v", p.cmd.Args, line, err)
	}
}

// release ends the process's standard input.
func (p *process) release(t *testing.T) {
	t.Helper()
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
}

// wait waits for the end of the process, which has to succeed.
func (p *process) wait(t *testing.T) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%q: %v", p.cmd.Args, err)
	}
}
