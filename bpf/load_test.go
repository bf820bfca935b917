package bpf

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// dear says that a load takes seconds: the machine is emulated.
var _, dear = os.LookupEnv("SYSCOUNT_TEST_CALLS")

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

// migrating is Program.Migrating, with the answer as the tests of traps have it.
func migrating(t *testing.T, p *bpftest.Program, threads, callsEach int) ([]bpftest.Step, calls) {
	t.Helper()
	steps, answer := p.Migrating(t, threads, callsEach)
	want := calls{}
	for number, n := range answer {
		sc := own(number.Nr)
		if number.Door == bpftest.Door386 {
			sc.ABI = ABIi386
		}
		want[sc] = tally{n.Calls, n.Errors}
	}
	return steps, want
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

// While others attach to sched_switch and detach from it, the kernel may lose a
// switch. A call is then missing at most for each thread that left the CPU unseen, and
// no other thread gets it.
func TestLoadWhileAnotherTracerComesAndGoes(t *testing.T) {
	r, p := newRig(t), bpftest.NewProgram()
	steps, want := migrating(t, p, 8, loadCalls(t)/8)
	process := p.Start(t, steps...)
	tracer := r.watch(t, Options{GroupBy: GroupByProcess, Rows: 4096}, process)
	other := r.borrow(t, Options{GroupBy: GroupByComm, Mode: ModeCount, Rows: 4096})
	finished, comings := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { comings <- n }()
		for ; ; n++ {
			select {
			case <-finished:
				return
			default:
			}
			if err := errors.Join(other.Attach(), other.Detach()); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	process.Poke()
	process.Finish()
	close(finished)
	n := <-comings
	c := wantBalanceOf(t, tracer)
	got, all := counted(t, tracer).sum(), want.sum()
	if got > all || got+c.Overwritten+tracer.skipped(t) < all || c.Overwritten > c.SwitchesMissed+tracer.skipped(t) {
		t.Errorf("%d calls of %d; %d overwritten by %d missed switches", got, all, c.Overwritten, c.SwitchesMissed)
	}
	t.Logf("%d calls of %d, %d attachments of another tracer, %d missed switches", got, all, n, c.SwitchesMissed)
}
