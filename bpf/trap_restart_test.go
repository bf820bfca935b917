package bpf

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// A stop interrupts calls that wait, and SIGCONT lets them go on: sleeps by
// restart_syscall, the read from its beginning. epoll_pwait does not go on
// (signal(7)).
func trapStopAndContinue(t *testing.T, r *rig, opts Options) {
	const sleep = 999_999_999
	p := bpftest.NewProgram()
	b, event, second := p.Words(0), p.Words(0, 0), p.Words(0, sleep)
	waits := map[int32]bpftest.Step{
		unix.SYS_NANOSLEEP:       call(unix.SYS_NANOSLEEP, second),
		unix.SYS_CLOCK_NANOSLEEP: call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, second),
		unix.SYS_FUTEX:           call(unix.SYS_FUTEX, p.Words(0), 0, 0, second),
		unix.SYS_PPOLL:           call(unix.SYS_PPOLL, 0, 0, p.Words(0, sleep), 0, 8),
		unix.SYS_EPOLL_PWAIT:     call(unix.SYS_EPOLL_PWAIT, 3, event, 1, ^uintptr(0), 0, 8),
		unix.SYS_READ:            call(unix.SYS_READ, 0, b, 1),
	}
	want := calls{own(unix.SYS_CLONE): {uint64(len(waits)), 0}, own(unix.SYS_EPOLL_CREATE1): {1, 0}, own(unix.SYS_WRITE): {1, 0}}
	steps := []bpftest.Step{call(unix.SYS_EPOLL_CREATE1, 0)}
	for nr, wait := range waits {
		steps = append(steps, p.Thread(wait, call(unix.SYS_EXIT, 0)))
		want[own(nr)] = tally{1, 0}
	}
	want[own(unix.SYS_EPOLL_PWAIT)] = tally{1, 1}
	want[own(unix.SYS_FUTEX)] = tally{1, 1} // ETIMEDOUT
	process := p.Start(t, append(steps, call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_EXIT, 0))...)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Hear()
	process.AwaitStates("SSSSSSZ")
	process.Signal(unix.SIGSTOP)
	process.AwaitStates("TTTTTTZ")
	process.Signal(unix.SIGCONT)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, want)
	if !wantStory(t, tracer, Counters{Died: 7, Suspended: 5, Resumed: 5, ExitWithoutEnter: 6 * forkEnds}) {
		return
	}
	if timesAll(opts) {
		for _, nr := range []int32{unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_FUTEX, unix.SYS_PPOLL} {
			if ns := totalNs(t, tracer, own(nr)); ns < sleep {
				t.Errorf("syscall %d took %d ns in all; want %d", nr, ns, uint64(sleep))
			}
		}
	}
}

// interrupted runs a program that says when it waits, is sent a signal then,
// says a word in the handler, and then has its way.
func interrupted(t *testing.T, process *bpftest.Process) {
	t.Helper()
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	process.Signal(unix.SIGUSR1)
	process.Hear()
}

func trapReadGoesOnAfterAHandler(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, saRestart, say), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := r.watch(t, opts, process)
	interrupted(t, process)
	seen := time.Now()
	process.AwaitStates("S")
	waited := uint64(time.Since(seen))
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_WRITE): {2, 0}, own(unix.SYS_READ): {1, 0}, own(unix.SYS_RT_SIGRETURN): {1, 0},
	})
	exact := wantStory(t, tracer, Counters{Died: 1, Suspended: 1, Resumed: 1})
	if ns := totalNs(t, tracer, own(unix.SYS_READ)); exact && timesAll(opts) && ns < waited {
		t.Errorf("the read took %d ns; it was seen to wait for %d", ns, waited)
	}
}

const saRestart = 0x10000000 // SA_RESTART of include/uapi/asm-generic/signal-defs.h

// Without SA_RESTART a read ends with EINTR; these others do so with it too.
func trapHandlerEndsACall(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b, long := p.Words(0), p.Words(1000, 0)
	waits := map[int32]bpftest.Step{
		unix.SYS_PPOLL:           call(unix.SYS_PPOLL, 0, 0, 0, 0, 8),
		unix.SYS_NANOSLEEP:       call(unix.SYS_NANOSLEEP, long),
		unix.SYS_CLOCK_NANOSLEEP: call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, long),
		unix.SYS_RT_SIGSUSPEND:   call(unix.SYS_RT_SIGSUSPEND, p.Words(0), 8),
	}
	for nr, wait := range oldWaits() {
		waits[nr] = wait
	}
	say := call(unix.SYS_WRITE, 1, b, 1)
	steps := []bpftest.Step{p.Handler(unix.SIGUSR1, saRestart, say)}
	want := calls{}
	for nr, wait := range waits {
		steps = append(steps, say, wait)
		want[own(nr)] = tally{1, 1}
	}
	process := p.Start(t, append(steps, exit())...)
	tracer := r.watch(t, opts, process)
	process.Poke()
	for range waits {
		process.Hear()
		process.AwaitStates("S")
		process.Signal(unix.SIGUSR1)
		process.Hear()
	}
	process.Finish()
	n := uint64(len(waits))
	wantCalls(t, tracer, want.plus(calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_WRITE): {2 * n, 0}, own(unix.SYS_RT_SIGRETURN): {n, 0},
	}))
	wantStory(t, tracer, Counters{Died: 1, Suspended: n, Interrupted: n})
}

func trapReadEndsWithoutSARestart(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, 0, say), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := r.watch(t, opts, process)
	interrupted(t, process)
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_WRITE): {2, 0}, own(unix.SYS_READ): {1, 1}, own(unix.SYS_RT_SIGRETURN): {1, 0},
	})
	wantStory(t, tracer, Counters{Died: 1, Suspended: 1, Interrupted: 1})
}

// The handler's own reads, of another descriptor, are not the one that waits.
func trapHandlerMakesTheSameCall(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t,
		p.Handler(unix.SIGUSR1, saRestart, call(unix.SYS_READ, 3, b, 1).Times(5), say),
		call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := r.watch(t, opts, process)
	interrupted(t, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_OPENAT): {1, 0}, own(unix.SYS_WRITE): {2, 0},
		own(unix.SYS_READ): {6, 0}, own(unix.SYS_RT_SIGRETURN): {1, 0},
	})
	wantStory(t, tracer, Counters{Died: 1, Suspended: 1, Resumed: 1})
}

// A handler within the handler: the read goes on after both.
func trapNestedHandlers(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	// In the outer handler: a signal to itself, whose handler reads too.
	inner := p.Handler(unix.SIGUSR2, saRestart, call(unix.SYS_READ, 3, b, 1))
	self := p.Steps(call(unix.SYS_TGKILL, 0, 0, uintptr(unix.SIGUSR2)).Times(3), say, bpftest.Return())
	process := p.Start(t, inner, p.Handler(unix.SIGUSR1, saRestart, bpftest.Goto(self)),
		call(unix.SYS_GETPID).Into(bpftest.Argument(self, 0, 0)), call(unix.SYS_GETTID).Into(bpftest.Argument(self, 0, 1)),
		call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := r.watch(t, opts, process)
	interrupted(t, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {2, 0}, own(unix.SYS_GETPID): {1, 0}, own(unix.SYS_GETTID): {1, 0},
		own(unix.SYS_OPENAT): {1, 0}, own(unix.SYS_WRITE): {2, 0}, own(unix.SYS_TGKILL): {3, 0},
		own(unix.SYS_READ): {4, 0}, own(unix.SYS_RT_SIGRETURN): {4, 0},
	})
	wantStory(t, tracer, Counters{Died: 1, Suspended: 1, Resumed: 1})
}

// Two reads are suspended at a time, one below the other. The record has room
// for one: the inner one's time is whole, the outer one's begins anew, and both
// are counted.
func trapReadSuspendedInAHandler(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say, read := call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, saRestart, say, read), p.Handler(unix.SIGUSR2, saRestart, say), say, read, exit())
	tracer := r.watch(t, opts, process)
	interrupted(t, process)
	process.AwaitStates("S")
	process.Signal(unix.SIGUSR2)
	process.Hear()
	process.Poke()
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {2, 0}, own(unix.SYS_WRITE): {3, 0}, own(unix.SYS_READ): {2, 0}, own(unix.SYS_RT_SIGRETURN): {2, 0},
	})
	wantStory(t, tracer, Counters{Died: 1, Suspended: 2, Resumed: 1, Abandoned: 1})
}

// A handler that jumps elsewhere (siglongjmp) leaves the call for good. What
// follows is not that call, nor is it after hundreds of such jumps.
func trapHandlerJumpsOut(t *testing.T, r *rig, opts Options) {
	const jumps = 255 // with the first one 256: an 8-bit counter of handlers would be 0 again
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	last := p.Steps(call(unix.SYS_READ, 3, b, 1), exit())
	again := p.Steps(call(unix.SYS_TGKILL, 0, 0, uintptr(unix.SIGUSR2)))
	repeat := p.Steps(bpftest.Again(again, jumps), bpftest.Goto(last))
	process := p.Start(t,
		p.Handler(unix.SIGUSR1, saRestart, say, bpftest.Goto(again)),
		p.Handler(unix.SIGUSR2, saRestart|saNodefer, bpftest.Goto(repeat)),
		call(unix.SYS_GETPID).Into(bpftest.Argument(again, 0, 0)), call(unix.SYS_GETTID).Into(bpftest.Argument(again, 0, 1)),
		call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), say, call(unix.SYS_READ, 0, b, 1))
	tracer := r.watch(t, opts, process)
	interrupted(t, process)
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {2, 0}, own(unix.SYS_GETPID): {1, 0}, own(unix.SYS_GETTID): {1, 0},
		own(unix.SYS_OPENAT): {1, 0}, own(unix.SYS_WRITE): {2, 0}, own(unix.SYS_TGKILL): {jumps, 0}, own(unix.SYS_READ): {1, 0},
	})
	wantStory(t, tracer, Counters{Died: 1, Suspended: 1, Abandoned: 1})
}

const saNodefer = 0x40000000 // SA_NODEFER
