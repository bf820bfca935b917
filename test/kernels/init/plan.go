package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/syscountd/syscountd/test/kernels/guest"
)

// console writes whole lines, whoever writes.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) line(kind guest.Kind, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.w, guest.Format(kind, text))
}

// carryOut carries out the plan, and says so at the end.
func carryOut(w io.Writer) error {
	text, err := os.ReadFile(guest.PlanFile)
	if err != nil {
		return err
	}
	var plan []guest.Step
	if err := json.Unmarshal(text, &plan); err != nil {
		return fmt.Errorf("%s: %w", guest.PlanFile, err)
	}
	before, err := taint()
	if err != nil {
		return err
	}
	c := &console{w: w}
	for _, step := range plan {
		c.line(guest.Begin, step.Name)
		c.line(guest.Exit, strconv.Itoa(c.run(step)))
	}
	after, err := taint()
	if err != nil {
		return err
	}
	if err := c.reportTaint(before, after); err != nil {
		return err
	}
	c.line(guest.Done, strconv.Itoa(len(plan)))
	return nil
}

// run runs a step, and gives its exit status as a shell does: 127 if it could
// not be started, 128 and the signal's number if one killed it.
func (c *console) run(step guest.Step) int {
	var failed failures
	status := c.runOnce(step, failed.look)
	if step.Again && status == 1 && len(failed) > 0 {
		return c.runOnce(failed.again(step), nil)
	}
	return status
}

// runOnce does so, and shows each line of standard output to seen, which may be nil.
func (c *console) runOnce(step guest.Step, seen func(line string)) int {
	cmd := exec.Command(step.Args[0], step.Args[1:]...)
	cmd.Env = append(os.Environ(), step.Env...)
	cmd.Dir = step.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		c.line(guest.Err, err.Error())
		return 127
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		c.line(guest.Err, err.Error())
		return 127
	}
	if err := cmd.Start(); err != nil {
		c.line(guest.Err, err.Error())
		return 127
	}
	var copies sync.WaitGroup
	copies.Go(func() { c.copy(guest.Err, stderr, nil) })
	copies.Go(func() {
		c.copy(guest.Out, stdout, func(line string) {
			if step.StopAt != "" && strings.Contains(line, step.StopAt) {
				cmd.Process.Signal(syscall.SIGTERM)
			}
			if seen != nil {
				seen(line)
			}
		})
	})
	copies.Wait()
	return status(cmd.Wait())
}

// copy puts a stream on the console line by line, until its end.
func (c *console) copy(kind guest.Kind, r io.Reader, seen func(line string)) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		c.line(kind, lines.Text())
		if seen != nil {
			seen(lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		c.line(guest.Err, "init: read the command's output: "+err.Error())
		io.Copy(io.Discard, r) // lest the command blocks
	}
}

func status(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 127
	}
	if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return exit.ExitCode()
}
