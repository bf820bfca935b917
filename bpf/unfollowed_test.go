package bpf

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Waits of a call that can never be slow are nobody's business; if it gets a threshold while
// it waits, its record has its time, and says nothing of waits that nobody looked at.
func TestACallThatIsNeverSlowIsNotFollowed(t *testing.T) {
	for name, opts := range map[string]Options{
		"account": {Mode: ModeAccount, GroupBy: GroupByNone},
		"sampled": {Mode: ModeAccount, Sample: 1000, GroupBy: GroupByNone},
	} {
		t.Run(name, func(t *testing.T) {
			neverSlow(t, opts, Setting{Traits: TraitObserved | TraitFDFirst, ThresholdNs: Never})
		})
		if kernelTypes().rdonlyCast { // else to look at the descriptor would cost more than to follow
			exempt := Look{Exempt: 1 << syscountFdKindFD_PIPE}
			t.Run(name+", exempt", func(t *testing.T) {
				neverSlow(t, opts, Setting{Traits: TraitObserved | TraitFDFirst, ThresholdNs: 1e6, Look: exempt})
			})
		}
	}
}

// neverSlow reads a pipe under a setting by which that is never slow, until it has been waiting
// for a while.
func neverSlow(t *testing.T, opts Options, never Setting) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say, read := call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)
	process := p.Start(t, call(unix.SYS_GETPPID).Times(3000), say, read, say, read, exit())
	tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
	if err := tracer.SetSyscalls(func(Syscall) Setting { return never }); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	process.Hear()
	sleepFor(t, process, 20*time.Millisecond)
	setThreshold(t, tracer, unix.SYS_READ, 1e6)
	process.Poke()
	process.Hear()
	sleepFor(t, process, 20*time.Millisecond)
	process.Poke()
	process.Finish()
	calls := slowCalls(t, tracer)
	if len(calls) != 2 && gaps(t, tracer) {
		return
	}
	if len(calls) != 2 {
		t.Fatalf("%d slow reads; want 2", len(calls))
	}
	// A tick in the call, before it waits, is a beginning that is followed.
	if c := calls[0]; c.Wait != nil && !c.Tick || c.DurationNs() < 20e6 {
		t.Errorf("it took %d ns, with the waits %+v; want 20 ms and none", c.DurationNs(), c.Wait)
	}
	if w := wantWaits(t, calls[1]); w.SleepNs < 10e6 { // of the call's 20 ms, of which the caller may have run some
		t.Errorf("%+v; want most of 20 ms asleep", w)
	}
	// What was sampled is in the rows, and only that: neither of the two, most likely.
	row := sums(t, tracer)[Group{}][own(unix.SYS_READ).Nr]
	if opts.Sample <= 1 && (row.Timed < 2 || row.TotalNs < 40e6) {
		t.Errorf("%d reads were timed, with %d ns in all; want 2 and 40 ms", row.Timed, row.TotalNs)
	}
}

// In mode count nobody looks at the clock for a call that can never be slow, however long it waits, and at the storage
// of its thread neither; from when it has a threshold, its next wait is looked at.
func TestModeCountTimesWhatMayBeSlow(t *testing.T) {
	never := map[string]Setting{"never slow": {Traits: TraitObserved | TraitFDFirst, ThresholdNs: Never}}
	if kernelTypes().rdonlyCast { // as above
		never["exempt"] = Setting{Traits: TraitObserved | TraitFDFirst, ThresholdNs: 1e6, Look: Look{Exempt: 1 << syscountFdKindFD_PIPE}}
	}
	for name, setting := range never {
		t.Run(name, func(t *testing.T) { timesWhatMayBeSlow(t, setting) })
	}
}

func timesWhatMayBeSlow(t *testing.T, never Setting) {
	const unasked = 20
	p := bpftest.NewProgram()
	b := p.Words(0)
	say, read := call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)
	process := p.Start(t, append(slices.Repeat([]bpftest.Step{say, read}, unasked+2), say, exit())...)
	tracer := running(t, Options{Mode: ModeCount, GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
	if err := tracer.SetSyscalls(func(Syscall) Setting { return never }); err != nil {
		t.Fatal(err)
	}
	turn := func() {
		process.Poke()
		process.Hear()
		sleepFor(t, process, 20*time.Millisecond)
	}
	turn()
	for range unasked {
		turn()
	}
	before := sums(t, tracer)[Group{}][own(unix.SYS_READ).Nr]
	if before.Count < unasked || before.Timed > unasked/4 { // a tick in a call is a beginning
		t.Errorf("%d of %d reads were timed; want none", before.Timed, before.Count)
	}
	setThreshold(t, tracer, unix.SYS_READ, 10e6)
	turn()
	process.Poke()
	process.Hear()
	process.Finish()
	after := sums(t, tracer)[Group{}][own(unix.SYS_READ).Nr]
	calls := slowCalls(t, tracer)
	if (len(calls) == 0 || after.Timed == before.Timed) && !gaps(t, tracer) {
		t.Fatalf("%d slow reads, %d more timed; want those that have begun to wait since", len(calls), after.Timed-before.Timed)
	}
	for _, c := range calls {
		if w := wantWaits(t, c); c.DurationNs() < 10e6 || w.SleepNs == 0 {
			t.Errorf("%d ns, %+v; want the time asleep", c.DurationNs(), w)
		}
	}
}

// sleepFor lets the process, which is about to wait, wait for so long.
func sleepFor(t *testing.T, process *bpftest.Process, d time.Duration) {
	t.Helper()
	process.AwaitStates("S")
	time.Sleep(d) // the length of the wait is what is tested
}
