package bpf

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// readFor is a program that reads from its standard input.
func readFor(t *testing.T, flags uintptr) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	steps := append([]bpftest.Step{p.Handler(unix.SIGUSR1, flags, say), say}, bracketed(p, call(unix.SYS_READ, 0, b, 1))...)
	return p.Start(t, append(steps, exit())...)
}

const pause = 40 * time.Millisecond // a wait that is slow

// hold lets a process that has said that it will wait do so for a while.
func hold(process *bpftest.Process) {
	process.Hear()
	process.AwaitStates("S")
	time.Sleep(pause)
}

// A read that a handler interrupts goes on after it: one call, from its first
// beginning to its last end.
func TestWatchFollowsARestart(t *testing.T) {
	process := readFor(t, saRestart)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	process.Poke()
	hold(process)
	process.Signal(unix.SIGUSR1)
	hold(process)
	process.Poke()
	before, after := hearBracket(process)
	process.Finish()
	wantWithin(t, wantWatched(t, tracer, 1, uint64(2*pause)), before, after)
	wantCallbacks(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// Without SA_RESTART it ends with EINTR, before the handler.
func TestWatchSeesAHandlerEndACall(t *testing.T) {
	process := readFor(t, 0)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	process.Poke()
	hold(process)
	process.Signal(unix.SIGUSR1)
	process.Hear()
	before, after := hearBracket(process)
	process.Finish()
	wantWithin(t, wantWatched(t, tracer, -int64(unix.EINTR), uint64(pause)), before, after)
	wantCallbacks(t, tracer, Counters{Suspended: 1, Interrupted: 1})
}

// A sleep that was stopped goes on as restart_syscall, and has been stopped for
// that time.
func TestWatchFollowsAStoppedCall(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	steps := bracketed(p, call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 200e6)))
	process := p.Start(t, append(append([]bpftest.Step{call(unix.SYS_WRITE, 1, b, 1)}, steps...), exit())...)
	tracer := watching(t, process, unix.SYS_CLOCK_NANOSLEEP, 30e6)
	process.Poke()
	hold(process)
	process.Signal(unix.SIGSTOP)
	process.AwaitStates("T")
	time.Sleep(pause)
	process.Signal(unix.SIGCONT)
	before, after := hearBracket(process)
	process.Finish()
	c := wantWatched(t, tracer, 0, 199e6)
	wantWithin(t, c, before, after)
	if c.Wait.StoppedNs < uint64(pause)*9/10 {
		t.Errorf("%d ns stopped; want %v or more", c.Wait.StoppedNs, pause)
	}
	wantCallbacks(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// The call of a thread that is killed in it has no end: that is counted.
func TestWatchCountsACallThatIsKilled(t *testing.T) {
	process := readFor(t, 0)
	tracer := watching(t, process, unix.SYS_READ, 30e6)
	process.Poke()
	hold(process)
	process.Kill()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("%d slow calls; want none, since it did not end: %+v", len(calls), calls[0])
	}
	wantCallbacks(t, tracer, Counters{Suspended: 1, Abandoned: 1})
}
