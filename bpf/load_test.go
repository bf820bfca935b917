package bpf

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// loadCalls is about how many calls a test of this file makes; 10,000,000 is a
// good number for a long run.
func loadCalls(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("SYSCOUNT_TEST_CALLS")
	if !ok {
		return 2_000_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10_000 {
		t.Fatalf("SYSCOUNT_TEST_CALLS=%q: want a number of calls, 10000 or more", text)
	}
	return n
}

// migrating are threads that make about so many calls each, and move to the next
// CPU after each hundred; and the known answer.
func migrating(t *testing.T, p *bpftest.Program, threads, callsEach int) ([]bpftest.Step, calls) {
	t.Helper()
	cpus := masks(t, p)
	rounds := max(callsEach/(101*len(cpus)), 1)
	b, missing := p.Words(0), p.Text("/nonexistent/syscountd")
	var mix []bpftest.Step
	for _, mask := range cpus {
		mix = append(mix,
			call(unix.SYS_SCHED_SETAFFINITY, 0, 128, mask),
			call(unix.SYS_GETPPID).Times(45), call(unix.SYS_READ, 3, b, 1).Times(30),
			call(unix.SYS_GETSID, 0).Times(15), call(unix.SYS_GETSID, 1<<31).Times(5),
			call(unix.SYS_OPENAT, 0, missing, 0).Times(5))
	}
	mix = append(mix, bpftest.Loop(len(mix), rounds), call(unix.SYS_EXIT, 0))
	steps := []bpftest.Step{call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0)}
	for range threads {
		steps = append(steps, thread(p, mix...))
	}
	n := uint64(threads * rounds * len(cpus))
	return append(steps, call(unix.SYS_EXIT, 0)), calls{
		own(unix.SYS_CLONE): {uint64(threads), 0}, own(unix.SYS_SCHED_SETAFFINITY): {n, 0}, own(unix.SYS_GETPPID): {45 * n, 0},
		own(unix.SYS_READ): {30 * n, 0}, own(unix.SYS_GETSID): {20 * n, 5 * n}, own(unix.SYS_OPENAT): {5*n + 1, 5 * n},
	}
}

// masks are the CPUs that we may run on, each in a mask of its own.
func masks(t *testing.T, p *bpftest.Program) (addresses []uintptr) {
	t.Helper()
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			mask := make([]uintptr, len(allowed))
			mask[cpu/64] = 1 << (cpu % 64)
			addresses = append(addresses, p.Words(mask...))
		}
	}
	return addresses
}

// No call is lost or counted twice, whatever the mode and the groups, while
// threads move between CPUs.
func TestLoadIsCountedExactly(t *testing.T) {
	r := newRig(t)
	tests := []struct {
		threads int
		opts    Options
	}{
		{1, Options{GroupBy: GroupByNone}},
		{2, Options{GroupBy: GroupByProcess, Rows: 4096}},
		{4, Options{GroupBy: GroupByCgroup, Rows: 4096}},
		{8, Options{GroupBy: GroupByComm, Rows: 4096}},
		{8, Options{GroupBy: GroupByProcess, Sample: 16, Rows: 4096}},
		{1, Options{GroupBy: GroupByNone, Mode: ModeCount}},
		{8, Options{GroupBy: GroupByProcess, Mode: ModeCount, Rows: 4096}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d threads %+v", test.threads, test.opts), func(t *testing.T) {
			p := bpftest.NewProgram()
			steps, want := migrating(t, p, test.threads, loadCalls(t)/len(tests)/test.threads)
			process := p.Start(t, steps...)
			tracer := r.watch(t, test.opts, process)
			process.Poke()
			process.Finish()
			wantCounted(t, tracer, want)
			if groups := len(sums(t, tracer.Tracer)); groups != 1 {
				t.Errorf("%d groups; want the one of this process", groups)
			}
		})
	}
}

// Two tracers at a time, and each counts all.
func TestLoadUnderTwoTracers(t *testing.T) {
	r, p := newRig(t), bpftest.NewProgram()
	steps, want := migrating(t, p, 4, loadCalls(t)/4/8)
	process := p.Start(t, steps...)
	account := r.watch(t, Options{GroupBy: GroupByProcess, Rows: 4096}, process)
	count := r.watch(t, Options{GroupBy: GroupByComm, Mode: ModeCount, Rows: 4096}, process)
	process.Poke()
	process.Finish()
	wantCounted(t, account, want)
	wantCounted(t, count, want)
}

func wantCounted(t *testing.T, tracer *watched, want calls) {
	t.Helper()
	wantCalls(t, tracer, want)
	wantBalanceOf(t, tracer)
}
