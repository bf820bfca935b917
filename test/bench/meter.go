package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// meter asks a load process for the cost of a call.
type meter struct {
	cmd     *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
	batches int // the median of that many is one measurement
}

// startMeter starts a load on its CPU. It lives until stop, or until ctx ends.
func startMeter(ctx context.Context, cpu, batches int) (*meter, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, loadCommand, strconv.Itoa(cpu))
	// The runtime's preemption signals would each be a system call, and a stop
	// under ptrace.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ask, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	return &meter{cmd: cmd, ask: ask, answers: bufio.NewReader(answers), batches: batches}, nil
}

// stop ends the load and waits for its end.
func (m *meter) stop() error {
	_ = m.ask.Close()
	if err := m.cmd.Wait(); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return nil
}

// discard ends the load, however it has fared. There may be none.
func (m *meter) discard() {
	if m != nil {
		_ = m.stop()
	}
}

// pid is the load's, for tracers of one process.
func (m *meter) pid() int { return m.cmd.Process.Pid }

// cost is the median of some batches, in nanoseconds per call.
func (m *meter) cost(call string, batches int) (float64, error) {
	results, err := m.run(call, batches)
	if err != nil {
		return 0, err
	}
	return median(results), nil
}

// run asks for some batches, and gives what the load says of each.
func (m *meter) run(call string, batches int) ([]float64, error) {
	if _, err := fmt.Fprintf(m.ask, "%s %d\n", call, batches); err != nil {
		return nil, fmt.Errorf("ask load: %w", err)
	}
	line, err := m.answers.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read the load's answer: %w", err)
	}
	return parseBatches(line, batches)
}

// worst is the longest time of a getppid in so long a loop of them, in microseconds.
func (m *meter) worst(d time.Duration) (float64, error) {
	longest, err := m.run(worstCall, int(d/batchTime))
	if err != nil {
		return 0, err
	}
	return slices.Max(longest) / 1000, nil
}

// costs is the cost of each call, in nanoseconds.
func (m *meter) costs() (map[string]float64, error) {
	costs := make(map[string]float64)
	for _, call := range callNames {
		cost, err := m.cost(call, m.batches)
		if err != nil {
			return nil, err
		}
		costs[call] = cost
	}
	return costs, nil
}

// slowedBy tells whether getppid now takes the given times what it took when
// slowedBy was called: that a tracer that does not say so has begun.
func (m *meter) slowedBy(factor float64) (func() (bool, error), error) {
	const quick = 31
	before, err := m.cost("getppid", quick)
	if err != nil {
		return nil, err
	}
	return func() (bool, error) {
		now, err := m.cost("getppid", quick)
		return now > before*factor, err
	}, nil
}
