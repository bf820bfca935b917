package bpf

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// When too many callbacks are to come, one that is missing is counted.
func TestWatchCountsWhatItCannotAskFor(t *testing.T) {
	process := readFor(t, 0)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	t.Cleanup(func() {
		if err := empty[uint64, uint64](tracer.objs.Callbacks); err != nil {
			t.Error(err)
		}
	})
	for key := range uint64(tracer.objs.Callbacks.MaxEntries()) {
		if err := tracer.objs.Callbacks.Put(key, uint64(0)); err != nil {
			t.Fatal(err)
		}
	}
	process.Poke()
	hold(process)
	process.Poke()
	hearBracket(process)
	process.Finish()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("%+v; want none", calls[0])
	}
	if c, err := tracer.Counters(); err != nil || c.CallbacksFailed == 0 || c.Callbacks != 0 {
		t.Errorf("%d callbacks failed, %d were asked for, %v; want some, none", c.CallbacksFailed, c.Callbacks, err)
	}
}

// pipeBytes is the size of a pipe.
const pipeBytes = 16 * 4096

// writer is a process that writes twice as much as a pipe holds.
func writer(t *testing.T) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	return p.Start(t, call(unix.SYS_WRITE, 1, p.Put(make([]byte, 2*pipeBytes)), 2*pipeBytes), exit())
}

// blockTwice lets a writer wait a second time, so that its callback is still to
// come.
func blockTwice(t *testing.T, process *bpftest.Process, tracer *Tracer) {
	t.Helper()
	const page = 4096
	process.Poke()
	process.AwaitStates("S")
	time.Sleep(pause)
	for range page / 8 {
		process.HearWord()
	}
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := tracer.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if c.Callbacks == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no callback was asked for within a minute: %+v", c)
		}
	}
	process.AwaitStates("S")
}

// finishWriter reads the rest of what a writer writes.
func finishWriter(process *bpftest.Process) {
	for range (2*pipeBytes - 4096) / 8 {
		process.HearWord()
	}
	process.Finish()
}

// Programs that are gone when a call ends do not see it, and the thread goes on.
func TestWatchEndsWithCallbacksToCome(t *testing.T) {
	for name, end := range map[string]func(*Tracer) error{
		"detached": (*Tracer).Detach,
		"attached": func(tracer *Tracer) error { return errors.Join(tracer.Detach(), tracer.Attach()) },
	} {
		t.Run(name, func(t *testing.T) {
			process := writer(t)
			tracer := watching(t, process, unix.SYS_WRITE, 30e6)
			blockTwice(t, process, tracer)
			var now unix.Timespec
			if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
				t.Fatal(err)
			}
			if err := end(tracer); err != nil {
				t.Fatal(err)
			}
			finishWriter(process)
			if name == "detached" {
				wantWatched(t, tracer, 2*pipeBytes, uint64(pause))
				return
			}
			for _, c := range slowCalls(t, tracer) { // the machine may be busy
				if c.StartNs < uint64(now.Nano()) {
					t.Errorf("%+v; it began before the attachment", c)
				}
			}
		})
	}
	t.Run("closed", func(t *testing.T) {
		needWatch(t)
		tracer, err := Load(watchMode)
		if err != nil {
			t.Fatal(err)
		}
		process := writer(t)
		setWatched(t, tracer, unix.SYS_WRITE, 30e6)
		if err := errors.Join(tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}}), tracer.Attach()); err != nil {
			t.Fatal(errors.Join(err, tracer.Close()))
		}
		blockTwice(t, process, tracer)
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		finishWriter(process)
	})
}

// A thread that is killed with a callback to come: the write has written something, so
// that it ends before the thread does.
func TestWatchOfAThreadKilledWithACallbackToCome(t *testing.T) {
	process := writer(t)
	tracer := watching(t, process, unix.SYS_WRITE, 30e6)
	blockTwice(t, process, tracer)
	process.Kill()
	wantWatched(t, tracer, pipeBytes+4096, uint64(pause))
	wantCallbacks(t, tracer, Counters{})
}

// A tracer that stops a thread in its call runs the callback there: the call has not ended. Its
// end is not seen, which is counted, and it is not told with what it was until then.
func TestWatchCountsACallbackInsideACall(t *testing.T) {
	p := bpftest.NewProgram()
	child := p.Steps(call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, uintptr(pause))), call(unix.SYS_EXIT, 0))
	fork := call(unix.SYS_CLONE, unix.CLONE_VFORK|unix.CLONE_VM, p.Stack()).IfZero(child) // without a signal, at which the tracer would stop it too
	needWatch(t)
	process := traced(t, p, fork, exit())
	tracer := watching(t, process, unix.SYS_CLONE, 30e6)
	stopAt(t, process, unix.PTRACE_O_TRACEVFORKDONE) // the end of the parent's wait
	process.Ptrace(unix.PTRACE_CONT)
	process.Finish()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("%d slow calls; want none, since no end was seen: %+v", len(calls), calls[0])
	}
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	// On a slow machine the stop itself is long enough for another one, which may come where the first did, or find nothing.
	if c.Astray == 0 || c.Callbacks != c.Returned+c.Astray+c.Voided+c.CallbacksDied {
		t.Errorf("%+v; want a callback astray, and each of them told", c)
	}
}

// stopAt lets a traced process go on until one of its events.
func stopAt(t *testing.T, process *bpftest.Process, event int) {
	t.Helper()
	if err := unix.PtraceSetOptions(process.PID(), event); err != nil {
		t.Fatal(err)
	}
	process.Ptrace(unix.PTRACE_CONT)
	process.AwaitStop()
}

// io_uring_enter runs task work in its own loop, whenever it has waited: each of its calls
// loses its callback, and one that goes on waiting another one.
func TestWatchCountsACallbackInALoopOfTheKernel(t *testing.T) {
	const calls, entries, getevents, extArg = 3, 4, 1, 8 // include/uapi/linux/io_uring.h
	p := bpftest.NewProgram()
	arg := p.Words(0, 0, p.Words(0, uintptr(pause))) // struct io_uring_getevents_arg: no signals, a time-out
	process := p.Start(t, call(unix.SYS_IO_URING_SETUP, entries, p.Put(make([]byte, 120))),
		call(unix.SYS_IO_URING_ENTER, 3, 0, 1, getevents|extArg, arg, 24).Times(calls), exit())
	tracer := watching(t, process, unix.SYS_IO_URING_ENTER, 30e6)
	process.Poke()
	process.Finish()
	if found := slowCalls(t, tracer); len(found) != 0 {
		t.Errorf("%d slow calls; want none, since no end was seen: %+v", len(found), found[0])
	}
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if c.Astray < calls {
		t.Errorf("%d callbacks went astray; want one of each of %d calls", c.Astray, calls)
	}
	wantCallbacks(t, tracer, Counters{Astray: c.Astray})
}

// A thread that ends in its call: its callback dies with it.
func TestWatchCountsACallbackThatDies(t *testing.T) {
	needWatch(t)
	process := traced(t, bpftest.NewProgram(), exit())
	tracer := watching(t, process, unix.SYS_EXIT_GROUP, 30e6)
	stopAt(t, process, unix.PTRACE_O_TRACEEXIT)
	time.Sleep(pause) // a wait in its last call
	process.Ptrace(unix.PTRACE_CONT)
	process.Finish()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("%d slow calls; want none, since it did not end: %+v", len(calls), calls[0])
	}
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	// A tick in its last call asks for a callback as well, which comes at the stop, inside the call.
	wantCallbacks(t, tracer, Counters{CallbacksDied: 1, Astray: c.Astray})
}
