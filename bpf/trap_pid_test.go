package bpf

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Another process gets the target's PID as soon as it is free: it is not the
// target.
func trapPIDReusedAtOnce(t *testing.T, r *rig, opts Options) {
	target := bpftest.NewProgram().Start(t, call(unix.SYS_GETSID, 0).Times(10), exit())
	p := bpftest.NewProgram()
	pid := p.Words(0)
	args := p.Words(0, 0, 0, 0, uintptr(unix.SIGCHLD), 0, 0, 0, p.Words(uintptr(target.PID())), 1) // struct clone_args, with set_tid
	child := p.Steps(call(unix.SYS_GETSID, 0).Times(100), exit())
	successor := p.Start(t, call(unix.SYS_CLONE3, args, 80).Into(pid).IfZero(child), call(unix.SYS_WRITE, 1, pid, 8),
		call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0), exit())
	tracer := r.watch(t, opts, target)
	target.Poke()
	target.Finish()
	successor.Poke()
	if got := successor.HearWord(); got != int64(target.PID()) {
		t.Fatalf("clone3 gave %d; want the target's PID %d", got, target.PID())
	}
	successor.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_GETSID): {10, 0}})
	wantStory(t, tracer, Counters{Died: 1})
}

// Where both are observed, a PID that is used twice is two processes.
func trapPIDReusedIsAnotherProcess(t *testing.T, r *rig, opts Options) {
	p := bpftest.NewProgram()
	setTID := p.Words(0)
	args := p.Words(0, 0, 0, 0, uintptr(unix.SIGCHLD), 0, 0, 0, setTID, 1)
	first := p.Steps(call(unix.SYS_GETSID, 0).Times(10), exit())
	second := p.Steps(call(unix.SYS_GETSID, 0).Times(100), exit())
	wait := call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0)
	process := p.Start(t, call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)).Into(setTID).IfZero(first), wait,
		call(unix.SYS_CLONE3, args, 80).IfZero(second), wait, call(unix.SYS_WRITE, 1, setTID, 8), exit())
	tracer := r.watchAll(t, opts, process)
	process.Poke()
	pid := uint32(process.HearWord())
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_CLONE): {1, 0}, own(unix.SYS_CLONE3): {1, 0}, own(unix.SYS_WAIT4): {2, 0},
		own(unix.SYS_WRITE): {1, 0}, own(unix.SYS_GETSID): {110, 0},
	})
	if !wantStory(t, tracer, Counters{Died: 3, ExitWithoutEnter: 2 * forkEnds}) {
		return
	}
	if opts.GroupBy != GroupByProcess {
		return
	}
	var counts []uint64
	for group, rows := range sums(t, tracer.Tracer) {
		if group.PID == pid {
			counts = append(counts, rows[unix.SYS_GETSID].Count)
		}
	}
	slices.Sort(counts)
	if !slices.Equal(counts, []uint64{10, 100}) {
		t.Errorf("the processes %d made %d calls; want 10 and 100", pid, counts)
	}
}
