//go:build race

package bpf

import (
	"errors"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// What may be called while another goroutine replaces the programs: the race detector looks, and
// without it there is nothing to see.
func TestReadersBesideReplacements(t *testing.T) {
	p := bpftest.NewProgram()
	ms := p.Words(0, 1e6)
	process := p.Start(t, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, ms).Times(1<<20), exit())
	tracer := newReplaceable(t, base)
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		s := settingOfTraps(sc)
		if sc == own(unix.SYS_CLOCK_NANOSLEEP) {
			s.ThresholdNs = 1e5
		}
		return s
	})
	if err := errors.Join(err, tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	slow, named := 0, 0
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			c, err := tracer.NextSlow()
			if err != nil {
				if !errors.Is(err, ErrFlushed) {
					t.Error(err)
				}
				return
			}
			slow++
			if c.Wait != nil && len(tracer.Symbols(c.Wait.Stack)) > 0 {
				named++
			}
			if _, known := tracer.CgroupPath(c.Cgroup); !known {
				t.Errorf("cgroup %d has no path", c.Cgroup)
			}
		}
	})
	for _, to := range []Options{{GroupBy: GroupByComm, Rows: 4096}, base} {
		tracer.replace(t, to)
	}
	process.Kill()
	if err := tracer.FlushSlow(); err != nil {
		t.Fatal(err)
	}
	reader.Wait()
	if slow == 0 || named == 0 {
		t.Errorf("%d slow calls were read, %d of them with a stack", slow, named)
	}
}
