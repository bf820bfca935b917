package witness

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// tool is another tracer, attached.
type tool struct {
	*exec.Cmd
	t      *testing.T
	in     io.Closer
	output *bufio.Reader
	said   bytes.Buffer
	ended  chan struct{} // closed when the tool has said all; then said may be read
}

// attach starts a tool and returns when it has said that it is ready.
func attach(t *testing.T, ready string, argv ...string) *tool {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Fatalf("this test needs %s (test/install-deps test): %v", argv[0], err)
	}
	output, childOutput, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer childOutput.Close()
	p := &tool{Cmd: exec.Command(path, argv[1:]...), t: t, output: bufio.NewReader(output), ended: make(chan struct{})}
	p.Env = append(os.Environ(), "LC_ALL=C")
	p.Stdout, p.Stderr = childOutput, childOutput
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill(); output.Close() })
	p.awaitReady(ready)
	go p.listen()
	return p
}

func (p *tool) awaitReady(ready string) {
	p.t.Helper()
	for {
		line, err := p.output.ReadString('\n')
		p.said.WriteString(line)
		if strings.Contains(line, ready) {
			return
		}
		if err != nil {
			p.t.Fatalf("%q ended before it traced: %s", p.Args, &p.said)
		}
	}
}

func (p *tool) listen() {
	defer close(p.ended)
	io.Copy(&p.said, p.output) // its end is the tool's
}

// finish ends the tool, by the end of the input of the program that it runs, and
// wants to be shown that it has seen the load.
func (p *tool) finish(sight string) {
	p.t.Helper()
	p.in.Close()
	<-p.ended
	if err := p.Wait(); err != nil {
		p.t.Errorf("%q: %v\n%s", p.Args, err, &p.said)
	}
	if !strings.Contains(p.said.String(), sight) {
		p.t.Errorf("%q has not seen the load; want %q in what it says:\n%s", p.Args, sight, &p.said)
	}
}

func (p *tool) kill() {
	if p.ProcessState == nil {
		p.Process.Kill()
		p.Wait()
	}
}
