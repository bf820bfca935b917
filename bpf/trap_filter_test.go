package bpf

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// observeOnly leaves all calls but one out; their traits stay.
func observeOnly(t *testing.T, tracer *watched, only int32) {
	t.Helper()
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		s := settingOfTraps(sc)
		if sc != own(only) {
			s.Traits &^= TraitObserved
		}
		return s
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Calls that are left out have neither beginnings nor ends.
func trapCallsLeftOut(t *testing.T, r *rig, opts Options) {
	process := bpftest.NewProgram().Start(t,
		call(unix.SYS_GETPPID).Times(100), call(unix.SYS_GETSID, 0).Times(10), exit())
	tracer := r.watch(t, opts, process)
	observeOnly(t, tracer, unix.SYS_GETSID)
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_GETSID): {10, 0}})
	wantEnds(t, tracer, Counters{})
}

// A process that is not observed leaves nothing, not even the ends of its
// children's forks.
func trapForksLeftOut(t *testing.T, r *rig, opts Options) {
	observed := bpftest.NewProgram().Start(t, exit())
	p := bpftest.NewProgram()
	other := p.Start(t, call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)).IfZero(p.Steps(exit())).Times(1),
		call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0), bpftest.Loop(2, 20), exit())
	tracer := r.watch(t, opts, observed)
	other.Poke()
	other.Finish()
	wantRows(t, tracer, calls{})
	if c, err := tracer.Counters(); c != (Counters{RecursionMisses: c.RecursionMisses, Traffic: c.Traffic}) || err != nil {
		t.Errorf("%+v, %v; want nothing", c, err)
	}
}

// The read goes on after the handler, whose end by rt_sigreturn is left out.
func trapReadGoesOnWithSigreturnLeftOut(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, saRestart, say), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := r.watch(t, opts, process)
	observeOnly(t, tracer, unix.SYS_READ)
	interrupted(t, process)
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_READ): {1, 0}})
	wantEnds(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// The sleep goes on by restart_syscall, which is left out.
func trapSleepGoesOnWithRestartLeftOut(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	process := p.Start(t, call(unix.SYS_WRITE, 1, p.Words(0), 1), call(unix.SYS_NANOSLEEP, p.Words(0, 500_000_000)), exit())
	tracer := r.watch(t, opts, process)
	observeOnly(t, tracer, unix.SYS_NANOSLEEP)
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	process.Signal(unix.SIGSTOP)
	process.AwaitStates("T")
	process.Signal(unix.SIGCONT)
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_NANOSLEEP): {1, 0}})
	wantEnds(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

// A call that ends under a filter that leaves its thread out has an end, and is in no row.
func TestACallThatTheNextFilterLeavesOutHasAnEnd(t *testing.T) {
	for name, opts := range modes {
		t.Run(name, func(t *testing.T) {
			p := bpftest.NewProgram()
			b := p.Words(0)
			process := p.Start(t, call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1), exit())
			tracer := shared.watch(t, opts, process)
			process.Poke()
			process.Hear()
			process.AwaitStates("S")
			if err := tracer.SetFilter(Filter{Comms: []string{"syscount-nobody"}}); err != nil {
				t.Fatal(err)
			}
			process.Poke()
			process.Finish()
			if c := wantBalanceOf(t, tracer); timesAll(opts) && c.Refiltered != 1 && tracer.skipped(t) == 0 {
				t.Errorf("%+v; want one call refiltered", c)
			}
		})
	}
}
