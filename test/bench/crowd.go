package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
)

// callsPerRow is how often a member of the crowd makes each of its calls when it
// is told to.
const callsPerRow = 8

// serveRows is a member of the crowd: for each line of in it makes all of its
// calls and says so. It stays on its CPU, so that each of its calls has one row.
func serveRows(in io.Reader, out io.Writer, cpu int) error {
	runtime.LockOSThread()
	if err := pinSelf([]int{cpu}); err != nil {
		return err
	}
	numbers := hostEmptyCalls()
	for lines := bufio.NewReader(in); ; {
		if _, err := lines.ReadString('\n'); err != nil {
			return nil // the bench has no more for us
		}
		for range callsPerRow {
			makeEmptyCalls(numbers)
		}
		if _, err := fmt.Fprintln(out, "done"); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// crowd are processes that stay, and make many different system calls when they
// are told to: between that they sleep.
type crowd struct{ members []*member }

// member is one of them.
type member struct {
	cmd     *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
}

// startCrowd starts n of them, in turn on the given CPUs. They live until stop, or
// until ctx ends.
func startCrowd(ctx context.Context, n int, cpus []int) (*crowd, error) {
	c := &crowd{}
	for i := range n {
		m, err := startMember(ctx, cpus[i%len(cpus)])
		if err != nil {
			return nil, errors.Join(err, c.stop())
		}
		c.members = append(c.members, m)
	}
	return c, nil
}

func startMember(ctx context.Context, cpu int) (*member, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, rowsCommand, strconv.Itoa(cpu))
	// The runtime shall make no calls of its own: they would be rows, too.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ask, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a process with rows: %w", err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a process with rows: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process with rows: %w", err)
	}
	return &member{cmd: cmd, ask: ask, answers: bufio.NewReader(answers)}, nil
}

// pids are theirs.
func (c *crowd) pids() []int {
	pids := make([]int, len(c.members))
	for i, m := range c.members {
		pids[i] = m.cmd.Process.Pid
	}
	return pids
}

// stir lets all of them make all of their calls, and returns when they have.
func (c *crowd) stir() error {
	for _, m := range c.members {
		if _, err := io.WriteString(m.ask, "go\n"); err != nil {
			return fmt.Errorf("stir a process with rows: %w", err)
		}
	}
	for _, m := range c.members {
		if _, err := m.answers.ReadString('\n'); err != nil {
			return fmt.Errorf("wait for a process with rows: %w", err)
		}
	}
	return nil
}

// stop ends them and waits for their end.
func (c *crowd) stop() error {
	var errs []error
	for _, m := range c.members {
		_ = m.ask.Close()
	}
	for _, m := range c.members {
		if err := m.cmd.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("a process with rows: %w", err))
		}
	}
	return errors.Join(errs...)
}
