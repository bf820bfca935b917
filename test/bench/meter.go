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
	core    *core
	settings
}

// enough undisturbed batches make a measurement.
const enough = 50

// startMeter starts a load on its CPU. It lives until stop, or until ctx ends.
// What it writes is in dir.
func startMeter(ctx context.Context, s settings, c *core, dir string) (*meter, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, loadCommand, strconv.Itoa(s.LoadCPU))
	// The runtime's preemption signals would each be a system call, and a stop
	// under ptrace.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off")
	cmd.Dir = dir
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
	return &meter{cmd: cmd, ask: ask, answers: bufio.NewReader(answers), core: c, settings: s}, nil
}

// startMeter starts one of the lab's.
func (l *lab) startMeter(ctx context.Context) (*meter, error) {
	return startMeter(ctx, l.result.Settings, &l.core, l.dir)
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

// cost is what a call takes, in nanoseconds: the first decile of the undisturbed batches. Where
// too few of them come it is what the fastest of all take, and the core counts that.
func (m *meter) cost(call string) (float64, error) {
	m.core.measured++
	var all []batch
	until := time.Now().Add(time.Duration(m.Patience) * time.Second)
	ask := m.Batches
	if call == buildKey { // each takes some milliseconds
		ask = min(ask, enough+10)
	}
	for len(all) == 0 || time.Now().Before(until) {
		batches, err := m.run(call, ask)
		if err != nil {
			return 0, err
		}
		all = append(all, batches...)
		if calm := m.core.undisturbed(all); len(calm) >= enough {
			return firstDecile(calm), nil
		}
	}
	m.core.disturbed++
	return fastOnes(all), nil
}

// run asks for some batches, and gives what the load says of each.
func (m *meter) run(call string, batches int) ([]batch, error) {
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
	longest, err := m.run(worstCall, int(d/worstBatchTime))
	if err != nil {
		return 0, err
	}
	most := 0.0
	for _, b := range longest {
		most = max(most, b.ns)
	}
	return most / 1000, nil
}

// costs is the cost of each call, and of these pieces of programs, in nanoseconds.
func (m *meter) costs(pieces []string) (map[string]float64, error) {
	costs := make(map[string]float64)
	for _, call := range slices.Concat(callNames[:], pieces) {
		cost, err := m.cost(call)
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
	const few = 31
	before, err := m.run("getppid", few)
	if err != nil {
		return nil, err
	}
	return func() (bool, error) {
		now, err := m.run("getppid", few)
		return fastOnes(now) > fastOnes(before)*factor, err
	}, nil
}
