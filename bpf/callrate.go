package bpf

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf/link"
)

// CallMeter finds out how many system calls a host makes on which nothing is attached to
// them: it attaches a program that only counts, for a moment. It is a Tracer's equal, and
// knows nothing of one.
type CallMeter struct {
	objs callrateObjects
}

// NewCallMeter loads the program; nothing is attached. It needs CAP_BPF and CAP_PERFMON.
func NewCallMeter() (*CallMeter, error) {
	m := &CallMeter{}
	if err := loadCallrateObjects(&m.objs, nil); err != nil {
		return nil, explainLoad("load the meter of calls", err)
	}
	return m, nil
}

// PerSecond counts for so long and gives the calls that ended per second, those of this process
// included. Meanwhile each call on the host takes the kernel's slow path.
func (m *CallMeter) PerSecond(window time.Duration) (float64, error) {
	l, err := link.AttachTracing(link.TracingOptions{Program: m.objs.CountCall})
	if err != nil {
		return 0, explainLoad("attach the meter of calls", err)
	}
	defer l.Close()
	before, err := m.calls()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	time.Sleep(window)
	after, err := m.calls()
	return float64(after-before) / time.Since(began).Seconds(), err
}

func (m *CallMeter) calls() (sum uint64, err error) {
	var cpus []uint64
	if err := m.objs.EndedCalls.Lookup(uint32(0), &cpus); err != nil {
		return 0, fmt.Errorf("read the meter of calls: %w", err)
	}
	for _, n := range cpus {
		sum += n
	}
	return sum, nil
}

// Close unloads the program.
func (m *CallMeter) Close() error { return m.objs.Close() }
