package bpftest

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that runs. It waits for its release in a readv, which
// no other step should use.
type Process struct {
	*exec.Cmd
	t       testing.TB
	in, out *os.File
}

// gate are the steps before all others: they say that the process is there,
// and wait.
func (p *Program) gate() []Step {
	b := p.Words(0)
	return []Step{Call(unix.SYS_WRITE, 1, b, 1), Call(unix.SYS_READV, 0, p.Words(b, 1), 1)}
}

// Start starts the program, and returns when it waits for its release.
func (p *Program) Start(t testing.TB, main ...Step) *Process {
	t.Helper()
	return start(t, p.Executable(t, append(p.gate(), main...)...))
}

func start(t testing.TB, path string) *Process {
	t.Helper()
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Cmd: exec.Command(path), t: t, in: in, out: out}
	p.Stdin, p.Stdout, p.Stderr = childIn, childOut, os.Stderr
	err = p.Cmd.Start()
	childIn.Close()
	childOut.Close()
	t.Cleanup(p.end)
	if err != nil {
		t.Fatal(err)
	}
	p.Hear()
	p.AwaitStates("S")
	return p
}

func (p *Process) end() {
	if p.Process != nil && p.ProcessState == nil {
		p.Kill()
	}
	if p.in == nil {
		return
	}
	p.in.Close()
	p.out.Close()
}

// PID is the process's.
func (p *Process) PID() int { return p.Process.Pid }

// Poke gives the process a byte to read, at first the one that releases it.
func (p *Process) Poke() {
	p.t.Helper()
	if _, err := p.in.Write([]byte{'!'}); err != nil {
		p.t.Fatal(err)
	}
}

// Hear waits for a byte from the process.
func (p *Process) Hear() byte {
	p.t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(p.out, b[:]); err != nil {
		p.t.Fatalf("the process says nothing: %v", err)
	}
	return b[0]
}

// HearWord waits for a word from the process.
func (p *Process) HearWord() int64 {
	p.t.Helper()
	var b [8]byte
	if _, err := io.ReadFull(p.out, b[:]); err != nil {
		p.t.Fatalf("the process says nothing: %v", err)
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// Signal sends it a signal.
func (p *Process) Signal(signal unix.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// AwaitStates waits until the states of its threads, in alphabetical order, are
// these letters of ps(1): R runs, S sleeps in a call, T is stopped, t is too, by
// ptrace.
func (p *Process) AwaitStates(states string) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); p.states() != states; {
		if time.Now().After(deadline) {
			p.t.Fatalf("the states of the process's threads are %q after a minute; want %q", p.states(), states)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (p *Process) states() string {
	var states []byte
	stats, _ := filepath.Glob("/proc/" + strconv.Itoa(p.PID()) + "/task/*/stat")
	for _, path := range stats {
		if stat, err := os.ReadFile(path); err == nil {
			states = append(states, stat[bytes.LastIndexByte(stat, ')')+2])
		}
	}
	slices.Sort(states)
	return string(states)
}

// Finish waits for the end of the process, which has to be a good one.
func (p *Process) Finish() {
	p.t.Helper()
	if err := p.Wait(); err != nil {
		p.t.Fatalf("the process: %v", err)
	}
}

// Kill ends the process and reaps it.
func (p *Process) Kill() {
	p.Process.Kill()
	p.Wait()
}
