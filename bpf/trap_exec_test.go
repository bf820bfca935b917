package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// execve is the step that replaces the program.
func execve(p *bpftest.Program, path string) bpftest.Step {
	file := p.Text(path)
	return call(unix.SYS_EXECVE, file, p.Words(file, 0), p.Words(0))
}

// A thread that is not the leader calls execve, which kills the leader in its
// wait, and comes back as the leader: one call, of one process, which a filter
// by PID still observes, with the threads that it starts then.
func trapExecOfAThread(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	last, endOfThread := bpftest.NewProgram(), call(unix.SYS_EXIT, 0)
	next := last.Executable(t, last.Thread(call(unix.SYS_GETSID, 0).Times(400), endOfThread), call(unix.SYS_GETSID, 0).Times(600), endOfThread)
	process := p.Start(t, p.Thread(call(unix.SYS_READ, 0, b, 1), execve(p, next)), call(unix.SYS_PPOLL, 0, 0, 0, 0, 8))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.AwaitStates("SS")
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_CLONE): {2, 0}, own(unix.SYS_READ): {1, 0}, own(unix.SYS_EXECVE): {1, 0}, own(unix.SYS_GETSID): {1000, 0},
	})
	if !wantStory(t, tracer, Counters{Died: 2, Suspended: 1, Abandoned: 1, ExitWithoutEnter: 2 * forkEnds}) {
		return
	}
	if opts.GroupBy != GroupByProcess {
		return
	}
	if all := sums(t, tracer.Tracer); len(all) != 1 {
		t.Errorf("%d groups; want the one process: %v", len(all), all)
	}
	if _, name := groupOf(t, tracer.Tracer, process.PID()); !name.Exited {
		t.Errorf("%+v is not marked as exited", name)
	}
}

// The first execve fails, the second does not.
func trapExecFailsAndSucceeds(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	next := bpftest.NewProgram().Executable(t, call(unix.SYS_GETSID, 0).Times(10), exit())
	process := p.Start(t, execve(p, "/nonexistent/syscountd"), execve(p, next))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_EXECVE): {2, 1}, own(unix.SYS_GETSID): {10, 0}})
	wantStory(t, tracer, Counters{Died: 1})
}

// An execve before it does not make an execve of rt_sigreturn, whose end shows
// no number either.
func trapSigreturnAfterExec(t *testing.T, r *rig, opts Options) {
	last := bpftest.NewProgram()
	next := last.Executable(t, append([]bpftest.Step{last.Handler(unix.SIGUSR1, 0)}, signalsToSelf(last, unix.SIGUSR1, 3, exit())...)...)
	p := bpftest.NewProgram()
	process := p.Start(t, execve(p, next))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_EXECVE): {1, 0}, own(unix.SYS_RT_SIGACTION): {1, 0}, own(unix.SYS_GETPID): {1, 0}, own(unix.SYS_GETTID): {1, 0},
		own(unix.SYS_TGKILL): {3, 0}, own(unix.SYS_RT_SIGRETURN): {3, 0},
	})
	wantStory(t, tracer, Counters{Died: 1})
}

// Where only its end is seen, execveat that succeeded is execve, unless the
// kernel leaves its own number there: x86 writes that of execve over it, and
// arm64 did not leave any for a long time.
func trapExecveat(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	next := bpftest.NewProgram().Executable(t, call(unix.SYS_GETSID, 0), exit())
	file := p.Text(next)
	process := p.Start(t, call(unix.SYS_EXECVEAT, 0, file, p.Words(file, 0), p.Words(0), 0))
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	seen := own(unix.SYS_EXECVEAT)
	if _, execve := counted(t, tracer)[own(unix.SYS_EXECVE)]; execve && opts.Mode == ModeCount {
		seen = own(unix.SYS_EXECVE)
	}
	wantCalls(t, tracer, calls{seen: {1, 0}, own(unix.SYS_GETSID): {1, 0}})
	wantStory(t, tracer, Counters{Died: 1})
}
