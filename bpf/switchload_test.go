package bpf

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// sleeper is a thread's calls of known bracket: sleeps that are slow.
func sleeper(p *bpftest.Program, times int, ns uintptr) (steps []bpftest.Step, request, brackets uintptr) {
	request, brackets = p.Words(0, ns), p.Words(make([]uintptr, 4*times)...)
	look := func(at uintptr) bpftest.Step { return call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, at) }
	for i := range times {
		at := brackets + uintptr(32*i)
		steps = append(steps, look(at), call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, request), look(at+16))
	}
	return steps, request, brackets
}

// Twenty-four changes while both CPUs are full: each slow call is found once.
func TestNoSlowCallIsLostOrDoubledWhenTheModeChangesUnderLoad(t *testing.T) {
	const threads, times, sleepNs, thresholdNs = 6, 60, 50e6, 25e6
	p := bpftest.NewProgram()
	var main []bpftest.Step
	for range 4 {
		const forever = 1 << 60
		main = append(main, p.Thread(call(unix.SYS_GETPPID).Times(20), call(unix.SYS_SCHED_YIELD), bpftest.Loop(2, forever)))
	}
	requests, brackets := make([]uintptr, threads), make([]uintptr, threads)
	for i := range threads {
		var steps []bpftest.Step
		steps, requests[i], brackets[i] = sleeper(p, times, sleepNs+uintptr(i)*1e6)
		if i < threads-1 {
			main = append(main, p.Thread(append(steps, call(unix.SYS_EXIT, 0))...))
			continue
		}
		main = append(main, steps...) // the longest
		main = append(main, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(1, 0)))
	}
	for i := range threads {
		main = append(main, call(unix.SYS_WRITE, 1, brackets[i], 32*times))
	}
	process := p.Start(t, append(main, exit())...)
	all := circle(t)
	tracer := switching(t, process, all[0], map[int32]uint64{
		unix.SYS_CLOCK_NANOSLEEP: thresholdNs,
		unix.SYS_GETPPID:         1e9, // of the fastest calls none takes that long, whatever is left of another one's record
	})
	process.Poke()
	for i := range 24 {
		time.Sleep(time.Duration(40+(i*37)%60) * time.Millisecond)
		switchTo(t, tracer.Tracer, all[(i+1)%(len(all)-1)])
	}
	found := map[string]int{}
	var spans [threads][times][2]uint64
	for i := range threads {
		for k := range times {
			spans[i][k][0], spans[i][k][1] = hearBracket(process)
		}
	}
	process.Finish()
	for _, c := range slowCalls(t, tracer.Tracer) {
		for i := range threads {
			if uintptr(c.Args[2]) != requests[i] {
				continue
			}
			for k, span := range spans[i] {
				if c.StartNs >= span[0] && c.EndNs <= span[1] {
					found[fmt.Sprint(i, k)]++
				}
			}
		}
		if c.Syscall.Nr != unix.SYS_CLOCK_NANOSLEEP {
			t.Errorf("a slow call that there was not: %+v", c)
		}
		if c.DurationNs() < thresholdNs {
			t.Errorf("%d ns; the threshold is %d", c.DurationNs(), uint64(thresholdNs))
		}
	}
	// The kernel now and then leaves out the event at which a thread comes to the CPU, for
	// all tracers: mode watch cannot do without it, but says so.
	c := wantSums(t, tracer)
	lost, unseen := uint64(0), c.SwitchesMissed+tracer.skipped(t)
	for i := range threads {
		for k, span := range spans[i] {
			n := found[fmt.Sprint(i, k)]
			if n == 0 && lost < unseen {
				lost++
				continue
			}
			if n != 1 {
				t.Errorf("sleep %d of thread %d, from %d to %d: found %d times; want once", k, i, span[0], span[1], n)
			}
		}
	}
	if c.SwitchesMissed > lost+1+threads*times/100 {
		t.Errorf("%d threads are said to have come unseen, but %d calls are lost", c.SwitchesMissed, lost)
	}
	t.Logf("%d sleeps found; %+v", threads*times-int(lost), c)
}
