package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// signalsToSelf are steps by which a thread sends itself a signal, with a handler
// that is there; then it goes on with the rest.
func signalsToSelf(p *bpftest.Program, signal unix.Signal, n int, rest ...bpftest.Step) []bpftest.Step {
	storm := p.Steps(append([]bpftest.Step{call(unix.SYS_TGKILL, 0, 0, uintptr(signal)).Times(n)}, rest...)...)
	return []bpftest.Step{
		call(unix.SYS_GETPID).Into(bpftest.Argument(storm, 0, 0)),
		call(unix.SYS_GETTID).Into(bpftest.Argument(storm, 0, 1)),
		bpftest.Goto(storm),
	}
}

func trapSignalStorm(t *testing.T, r *rig, opts Options) {
	signals := loadCalls(t) / 20
	p := bpftest.NewProgram()
	process := p.Start(t, append([]bpftest.Step{p.Handler(unix.SIGUSR1, 0)}, signalsToSelf(p, unix.SIGUSR1, signals, exit())...)...)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_GETPID): {1, 0}, own(unix.SYS_GETTID): {1, 0},
		own(unix.SYS_TGKILL): {uint64(signals), 0}, own(unix.SYS_RT_SIGRETURN): {uint64(signals), 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}

// rt_sigreturn gives back the registers of the code that was interrupted, here
// on the tick of a timer that runs in user mode only. What it finds in the one of
// results is no result of its own: no error, and no restart.
func trapSigreturnHasNoResult(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	flag, soon := p.Words(0), p.Words(0, 0, 0, 1) // struct itimerval: once, in 1 us
	steps := []bpftest.Step{p.Handler(unix.SIGVTALRM, 0, call(unix.SYS_GETPPID).Into(flag))}
	for _, value := range []int{-int(unix.EINTR), -512, -513, -514, -516} {
		steps = append(steps, call(unix.SYS_SETITIMER, uintptr(unix.ITIMER_VIRTUAL), soon).Into(flag), bpftest.Spin(value, flag))
	}
	process := p.Start(t, append(steps, exit())...)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_SETITIMER): {5, 0}, own(unix.SYS_GETPPID): {5, 0},
		own(unix.SYS_RT_SIGRETURN): {5, 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}
