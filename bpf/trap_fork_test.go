package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// forks are the ways to make a process, by name of the call.
func forks(p *bpftest.Program) map[int32]bpftest.Step {
	vfork := p.Words(unix.CLONE_VM|unix.CLONE_VFORK, 0, 0, 0, uintptr(unix.SIGCHLD), 0, 0, 0) // struct clone_args
	all := map[int32]bpftest.Step{
		unix.SYS_CLONE:  call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)),
		unix.SYS_CLONE3: call(unix.SYS_CLONE3, vfork, 64),
	}
	for _, nr := range oldForks {
		all[nr] = call(uintptr(nr))
	}
	return all
}

// A fork ends in the parent and in the child; it is one call.
func trapForksCountOnce(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	child := p.Steps(call(unix.SYS_GETSID, 0).Times(3), exit())
	var steps []bpftest.Step
	want := calls{}
	for nr, fork := range forks(p) {
		steps = append(steps, fork.IfZero(child), call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0), bpftest.Loop(2, 50))
		want[own(nr)] = tally{50, 0}
	}
	children := uint64(50 * len(want))
	want[own(unix.SYS_WAIT4)], want[own(unix.SYS_GETSID)] = tally{children, 0}, tally{3 * children, 0}
	process := p.Start(t, append(steps, exit())...)
	tracer := r.watchAll(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, want)
	wantStory(t, tracer, Counters{Died: children + 1, ExitWithoutEnter: children * forkEnds})
}

// The failed fork has no child, and the thread that it would have been no end.
func trapFailedForkIsAnError(t *testing.T, r *rig, opts Options) {
	process := bpftest.NewProgram().Start(t, call(unix.SYS_CLONE, unix.CLONE_THREAD).Times(5), exit())
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_CLONE): {5, 5}})
	wantStory(t, tracer, Counters{Died: 1})
}

// The leader ends before its thread: the process has ended only after both.
func trapExitOfThreadsAndOfTheProcess(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	endOfThread := call(unix.SYS_EXIT, 0)
	process := p.Start(t, p.Thread(call(unix.SYS_GETSID, 0).Times(1000), endOfThread), endOfThread)
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_CLONE): {1, 0}, own(unix.SYS_GETSID): {1000, 0}})
	if !wantStory(t, tracer, Counters{Died: 2, ExitWithoutEnter: forkEnds}) {
		return
	}
	if opts.GroupBy != GroupByProcess {
		return
	}
	if _, name := groupOf(t, tracer.Tracer, process.PID()); !name.Exited {
		t.Errorf("%+v is not marked as exited", name)
	}
}

// exit_group kills the other threads where they are, one in a read and one in
// user mode. The read has no end that a user could see, so it is not counted.
func trapExitGroupKillsThreads(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, 0, exit()),
		p.Thread(say, call(unix.SYS_READ, 0, b, 1)),
		p.Thread(say, bpftest.Spin(1, b)),
		call(unix.SYS_PPOLL, 0, 0, 0, 0, 8))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Hear()
	process.Hear()
	process.AwaitStates("RSS")
	process.Signal(unix.SIGUSR1)
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_CLONE): {2, 0}, own(unix.SYS_WRITE): {2, 0}, own(unix.SYS_PPOLL): {1, 1},
	})
	wantStory(t, tracer, Counters{Died: 1, Suspended: 2, Interrupted: 1, Abandoned: 1, ExitWithoutEnter: 2 * forkEnds})
}

func trapKilledInACall(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	process := p.Start(t, call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	process.Kill()
	wantCalls(t, tracer, calls{own(unix.SYS_WRITE): {1, 0}})
	wantStory(t, tracer, Counters{Suspended: 1, Abandoned: 1})
}
