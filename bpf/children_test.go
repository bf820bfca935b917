package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// parentOf forks a child that goes on with those steps, and waits for its end.
func parentOf(child uintptr) []bpftest.Step {
	return []bpftest.Step{
		call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)).IfZero(child), call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0), exit(),
	}
}

// The grandchild is nobody's any more when it makes its first call after the fork, and
// no look at /proc could tell whose it was. It stays observed when the filter gets more
// processes, and no longer than the filter.
func TestChildrenAreObservedFromTheirBirth(t *testing.T) {
	const calls = 100
	for _, children := range []bool{true, false} {
		p := bpftest.NewProgram()
		b := p.Words(0)
		work := []bpftest.Step{call(unix.SYS_READV, 0, p.Words(b, 1), 1), call(unix.SYS_GETPPID).Times(calls), call(unix.SYS_WRITE, 1, b, 1)}
		grandchild := p.Steps(append(append(append(work, work...), work...), exit())...)
		child := p.Steps(call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)).IfZero(grandchild), exit())
		process := p.Start(t, parentOf(child)...)
		tracer := running(t, Options{GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}, Children: children})
		process.Poke()
		process.Finish()
		want := uint64(0)
		for _, step := range []struct {
			name   string
			change func() error
		}{
			{"its birth", func() error { return nil }},
			{"an extension of the filter", func() error { return tracer.ExtendFilter(nil) }},
			{"another filter", func() error {
				return tracer.SetFilter(Filter{CgroupNames: []string{"nothing.service"}, Children: true})
			}},
		} {
			if err := step.change(); err != nil {
				t.Fatal(err)
			}
			if children && step.name != "another filter" {
				want += calls
			}
			process.Poke()
			process.Hear()
			wantCount(t, tracer, "the grandchild since "+step.name, sums(t, tracer)[Group{}][unix.SYS_GETPPID].Count, want)
		}
	}
}
