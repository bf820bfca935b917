package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long a tool may take. Compiling a bpftrace program, or listing all
// processes for perf, is a matter of seconds on a busy machine.
const (
	readyPatience = 30 * time.Second
	stopPatience  = 30 * time.Second
)

// tool is another process that traces.
type tool struct {
	argv []string // "{pid}" stands for the process to be traced

	// How it is known to be attached: by a line that it prints, or, of a tool that
	// prints nothing, by what a call costs then (times that before).
	readyLine string
	slowdown  float64

	// sawLine is in its output, at the latest when it ends, if it has seen the
	// load's calls; "" for a tool that looks elsewhere.
	sawLine string

	each func(line []byte) // gets every line that it prints; nil: nobody
}

// site is what a subject is attached to.
type site struct {
	pid   int    // of the process to be traced by those that trace one
	meter *meter // for tools that can only be known by what they cost
}

// attachment is a subject in place.
type attachment struct {
	pid int // of the tool
	// detach removes it, and returns when nothing of it is left in the kernel.
	detach func() error
	// saw tells, after detach, whether it has seen the load's calls.
	saw func() bool
}

// errSawNothing is a tool that ran and missed what it was measured with: what
// it costs is then not the cost of tracing.
var errSawNothing = errors.New("its output does not show the calls that were made")

// attach starts the tool and waits until it traces. A tool that ends instead
// gives its last line as the error.
func (t tool) attach(ctx context.Context, at site) (attachment, error) {
	p, err := t.start(at)
	if err != nil {
		return attachment{}, err
	}
	if err := p.awaitReady(ctx); err != nil {
		held := heldPrograms(p.cmd.Process.Pid)
		return attachment{}, errors.Join(err, p.kill(), awaitGone(ctx, held))
	}
	return attachment{
		pid: p.cmd.Process.Pid,
		detach: func() error {
			held := heldPrograms(p.cmd.Process.Pid)
			return errors.Join(p.interrupt(), awaitGone(ctx, held))
		},
		saw: func() bool { return t.sawLine == "" || p.output.saw(signSaw) },
	}, nil
}

// The numbers of the signs in a running tool's output.
const (
	signReady = iota
	signSaw
)

// running is a started tool.
type running struct {
	cmd    *exec.Cmd
	output *output
	exited chan struct{} // closed when it is
	err    error         // of its end; for reading after exited
	slowed func() (bool, error)
}

func (t tool) start(at site) (*running, error) {
	argv := fillPID(t.argv, at.pid)
	p := &running{output: watch(t.readyLine, t.sawLine), exited: make(chan struct{})}
	p.output.each = t.each
	if t.slowdown > 0 {
		slowed, err := at.meter.slowedBy(t.slowdown)
		if err != nil {
			return nil, err
		}
		p.slowed = slowed
	}
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = append(os.Environ(), "LC_ALL=C")
	p.cmd.WaitDelay = stopPatience
	// Not in the terminal's foreground group: a ^C is ours to hand on.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(argv[0]), err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// fillPID puts pid in place of "{pid}".
func fillPID(argv []string, pid int) []string {
	filled := make([]string, len(argv))
	for i, word := range argv {
		filled[i] = strings.ReplaceAll(word, "{pid}", strconv.Itoa(pid))
	}
	return filled
}

// awaitReady returns when the tool traces.
func (p *running) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if p.slowed != nil {
		return p.awaitSlowed(ctx)
	}
	select {
	case <-p.output.signs[signReady].seen:
		return nil
	case <-p.exited:
		return p.refusal()
	case <-ctx.Done():
		return p.late(ctx)
	}
}

// awaitSlowed measures calls, without a pause, until they cost more.
func (p *running) awaitSlowed(ctx context.Context) error {
	for {
		slowed, err := p.slowed()
		if err != nil || slowed {
			return err
		}
		select {
		case <-p.exited:
			return p.refusal()
		case <-ctx.Done():
			return p.late(ctx)
		default:
		}
	}
}

// refusal is the error of a tool that ended before it traced.
func (p *running) refusal() error {
	if line := p.output.lastLine(); line != "" {
		return errors.New(line)
	}
	return fmt.Errorf("ended without a word: %v", p.err)
}

func (p *running) late(ctx context.Context) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	return fmt.Errorf("not attached after %v; its last line: %q", readyPatience, p.output.lastLine())
}

// interrupt ends the tool as ^C does. How it exits is its own affair: most of
// them say that they were interrupted.
func (p *running) interrupt() error {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended with what it traced
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopPatience):
		return errors.Join(fmt.Errorf("did not end within %v of SIGINT", stopPatience), p.kill())
	}
}

func (p *running) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill it: %w", err)
	}
	<-p.exited
	return nil
}
