package bpf

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// A call that began before we looked has no known beginning: it is not counted,
// and its time is not made up.
func trapCallInFlightAtAttach(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, say, call(unix.SYS_READ, 0, b, 1), say, call(unix.SYS_READ, 0, b, 1), exit())
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	tracer := r.watch(t, opts, process)
	if open, err := tracer.OpenCalls(); open != 0 || err != nil {
		t.Errorf("%d open calls, %v; want none yet", open, err)
	}
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	wantOpen(t, tracer, map[Mode]uint64{ModeAccount: 1}[opts.Mode])
	process.Poke()
	process.Finish()
	if opts.Mode == ModeCount { // which counts ends
		wantRows(t, tracer, calls{own(unix.SYS_WRITE): {1, 0}, own(unix.SYS_READ): {2, 0}})
		wantEnds(t, tracer, Counters{})
		return
	}
	wantRows(t, tracer, calls{own(unix.SYS_WRITE): {1, 0}, own(unix.SYS_READ): {1, 0}})
	wantEnds(t, tracer, Counters{Died: 1, ExitWithoutEnter: 1})
}

// wantOpen waits for so many open calls: a thread that says that it sleeps may not have
// left the CPU yet, and until then its call is known there only.
func wantOpen(t *testing.T, tracer *watched, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		open, err := tracer.OpenCalls()
		if err != nil {
			t.Fatal(err)
		}
		if open == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d open calls; want %d", open, want)
		}
	}
}

// busy starts a program of threads that make calls until it is killed.
func busy(t *testing.T, threads int) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	var steps []bpftest.Step
	for range threads {
		const forever = 1 << 60
		mix := []bpftest.Step{call(unix.SYS_GETSID, 0).Times(20), call(unix.SYS_SCHED_YIELD), call(unix.SYS_GETSID, 1<<31), bpftest.Loop(3, forever)}
		steps = append(steps, p.Thread(mix...))
	}
	process := p.Start(t, append(steps, call(unix.SYS_EXIT, 0))...)
	process.Poke()
	return process
}

// awaitCalls waits until more ends of calls have been seen than before.
func awaitCalls(t *testing.T, tracer *watched, before Counters) Counters {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := tracer.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if c.Matched > before.Matched+1000 {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal("no call was seen for a minute")
		}
	}
}

func trapAttachAndDetachUnderLoad(t *testing.T, r *rig, opts Options) {
	process := busy(t, 4)
	tracer := r.watch(t, opts, process)
	held := len(bpfFDs(t))
	var last Counters
	for range min(17, loadCalls(t)/30_000) { // in each of three modes
		last = awaitCalls(t, tracer, last)
		if err := tracer.Detach(); err != nil {
			t.Fatal(err)
		}
		if err := tracer.Attach(); err != nil {
			t.Fatal(err)
		}
	}
	if now := len(bpfFDs(t)); now != held {
		t.Errorf("%d descriptors of programs, maps and links; %d before", now, held)
	}
	process.Kill()
	c := wantBalanceOf(t, tracer)
	if c.Negative != 0 || c.StorageFailed != 0 || c.RowsFailed != 0 {
		t.Errorf("%+v; want no failure", c)
	}
}

// Close leaves nothing: what no descriptor holds is gone, since nothing is pinned.
func TestLoadAndUnloadUnderLoad(t *testing.T) {
	process := busy(t, 1)
	pid := pidfdOf(t, process.PID())
	others := len(bpfFDs(t))
	tracer, err := Load(Options{GroupBy: GroupByComm, Rows: 64})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tracer.SetFilter(Filter{PIDFDs: []int{pid}}), tracer.Attach()); err != nil {
		t.Fatal(errors.Join(err, tracer.Close()))
	}
	awaitCalls(t, &watched{Tracer: tracer}, Counters{})
	if tracer.Attachment() == "" {
		t.Error("attached, but Attachment is empty")
	}
	if err := tracer.Detach(); err != nil {
		t.Fatal(err)
	}
	if tracer.Attachment() != "" {
		t.Errorf("detached, but Attachment is %q", tracer.Attachment())
	}
	if len(bpfFDs(t)) <= others {
		t.Fatal("detached, but the maps are gone too: nothing to test")
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tracer.NextSlow(); !errors.Is(err, ErrClosed) {
		t.Errorf("NextSlow after Close: %v; want ErrClosed", err)
	}
	if held := bpfFDs(t); len(held) != others {
		t.Errorf("held after Close: %v; %d before", held, others)
	}
}
