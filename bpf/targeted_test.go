package bpf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Where the kernel refuses programs on functions, these tests run on the tracepoints,
// and want the same, but for ends without a beginning.

// The lists of calls: each is a load of its own.
const (
	fileCalls  = "fdatasync fsync openat"
	otherCalls = "clone execve exit getppid nanosleep read"
)

// watchOnly observes these calls of one process, with a load for those of these names.
func (r *rig) watchOnly(t *testing.T, only string, p *bpftest.Process, observed ...Syscall) *watched {
	t.Helper()
	return r.watchOnlyOf(t, only, Filter{PIDFDs: []int{pidfdOf(t, p.PID())}}, observed...)
}

func (r *rig) watchOnlyOf(t *testing.T, only string, f Filter, observed ...Syscall) *watched {
	t.Helper()
	tracer := r.borrow(t, Options{GroupBy: GroupByProcess, Rows: 4096, Only: only})
	isObserved := map[Syscall]bool{}
	for _, sc := range observed {
		isObserved[sc] = true
	}
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		s := settingOfTraps(sc)
		if !isObserved[sc] {
			s.Traits &^= TraitObserved
		}
		return s
	})
	if err := errors.Join(err, tracer.SetFilter(f), tracer.Attach()); err != nil {
		t.Fatal(err)
	}
	t.Logf("attached to %s; %s", tracer.Attachment(), tracer.WhyTracepoints())
	if only != "" {
		wantFunctions(t, tracer)
	}
	return &watched{tracer}
}

// wantFunctions wants the programs to be on functions where these are known to work: with
// tracepoints, to which a load falls back without an error, these tests pass too.
func wantFunctions(t *testing.T, tracer *Tracer) {
	t.Helper()
	if _, known := os.LookupEnv("SYSCOUNT_TEST_FUNCTIONS"); !known {
		return
	}
	if at := tracer.Attachment(); !byFunctions(&watched{tracer}) || !strings.HasPrefix(at, "fentry/fexit of ") {
		t.Errorf("attached to %s, because %s; want functions", at, tracer.WhyTracepoints())
	}
}

// byFunctions: the programs are on functions, not on the tracepoints.
func byFunctions(tracer *watched) bool { return len(tracer.targeted.plan.functions) > 0 }

// endsUnseen are ends without a beginning, which functions do not show: their programs
// begin and end with the call.
func endsUnseen(tracer *watched, n uint64) uint64 {
	if byFunctions(tracer) {
		return 0
	}
	return n
}

func TestTargetedCountsAreExact(t *testing.T) {
	p := bpftest.NewProgram()
	file := p.Text(filepath.Join(t.TempDir(), "file"))
	process := p.Start(t, call(unix.SYS_GETPPID).Times(500),
		call(unix.SYS_OPENAT, 0, file, unix.O_RDWR|unix.O_CREAT, 0o600), call(unix.SYS_FSYNC, 3).Times(40),
		call(unix.SYS_FSYNC, 1<<31-1).Times(20), call(unix.SYS_FDATASYNC, 3).Times(30), call(unix.SYS_GETSID, 0).Times(100),
		call(unix.SYS_OPENAT, 0, p.Text("/nonexistent/syscountd"), 0).Times(50), exit())
	tracer := newRig(t).watchOnly(t, fileCalls, process,
		own(unix.SYS_FDATASYNC), own(unix.SYS_FSYNC), own(unix.SYS_OPENAT))
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_OPENAT): {51, 50}, own(unix.SYS_FSYNC): {60, 20}, own(unix.SYS_FDATASYNC): {30, 0}})
	wantEnds(t, tracer, Counters{})
}

// No call is lost or counted twice while threads move between CPUs.
func TestTargetedLoadIsCountedExactly(t *testing.T) {
	p := bpftest.NewProgram()
	steps, want := migrating(t, p, 8, loadCalls(t)/32)
	process := p.Start(t, steps...)
	openat := own(unix.SYS_OPENAT)
	tracer := newRig(t).watchOnly(t, fileCalls, process, openat)
	process.Poke()
	process.Finish()
	wantCounted(t, tracer, calls{openat: want[openat]})
}

func TestTargetedReadGoesOnAfterAHandler(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, saRestart, call(unix.SYS_READ, 3, b, 1).Times(5), say),
		call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_READ))
	interrupted(t, process)
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_READ): {6, 0}})
	wantEnds(t, tracer, Counters{Suspended: 1, Resumed: 1})
}

func TestTargetedReadEndsByAHandler(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, p.Handler(unix.SIGUSR1, 0, say), say, call(unix.SYS_READ, 0, b, 1), exit())
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_READ))
	interrupted(t, process)
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_READ): {1, 1}})
	wantEnds(t, tracer, Counters{Suspended: 1, Interrupted: 1})
}

// A stopped sleep goes on by restart_syscall, which nobody named.
func TestTargetedSleepGoesOnAfterAStop(t *testing.T) {
	p := bpftest.NewProgram()
	process := p.Start(t, call(unix.SYS_WRITE, 1, p.Words(0), 1), call(unix.SYS_NANOSLEEP, p.Words(0, 500_000_000)), exit())
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_NANOSLEEP))
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	process.Signal(unix.SIGSTOP)
	process.AwaitStates("T")
	process.Signal(unix.SIGCONT)
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_NANOSLEEP): {1, 0}})
	if wantEnds(t, tracer, Counters{Suspended: 1, Resumed: 1}) && totalNs(t, tracer, own(unix.SYS_NANOSLEEP)) < 500_000_000 {
		t.Errorf("half a second of sleep took %d ns", totalNs(t, tracer, own(unix.SYS_NANOSLEEP)))
	}
}

func TestTargetedCallOfAKilledThread(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	process := p.Start(t, call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1))
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_READ))
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	process.Kill()
	wantRows(t, tracer, calls{})
	wantEnds(t, tracer, Counters{Suspended: 1, Abandoned: 1})
}

// An execve of a thread that is not the leader comes back as the leader.
func TestTargetedExecOfAThread(t *testing.T) {
	p := bpftest.NewProgram()
	last := bpftest.NewProgram()
	next := last.Executable(t, call(unix.SYS_GETPPID).Times(7), exit())
	process := p.Start(t, p.Thread(execve(p, "/nonexistent/syscountd"), execve(p, next)), call(unix.SYS_PPOLL, 0, 0, 0, 0, 8))
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_EXECVE), own(unix.SYS_GETPPID))
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_EXECVE): {2, 1}, own(unix.SYS_GETPPID): {7, 0}})
	if wantEnds(t, tracer, Counters{}) && len(sums(t, tracer.Tracer)) != 1 {
		t.Errorf("groups %v; want the one process", sums(t, tracer.Tracer))
	}
}

// exit has no end: what begins there dies.
func TestTargetedExits(t *testing.T) {
	p := bpftest.NewProgram()
	process := p.Start(t, p.Thread(call(unix.SYS_EXIT, 0)), p.Thread(call(unix.SYS_EXIT, 0)), call(unix.SYS_WAIT4, 0, 0, 0, 0), call(unix.SYS_EXIT, 0))
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_EXIT))
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{})
	wantEnds(t, tracer, Counters{Died: 3})
}

// A fork's child comes out of a call that it has not begun; no function shows that.
func TestTargetedForksCountOnce(t *testing.T) {
	p := bpftest.NewProgram()
	child := p.Steps(call(unix.SYS_GETPPID), exit())
	process := p.Start(t, call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)).IfZero(child), call(unix.SYS_WAIT4, ^uintptr(0), 0, 0, 0), bpftest.Loop(2, 20), exit())
	cgroup := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), "syscount-targeted.scope")
	cgroup.Add(process.PID())
	tracer := newRig(t).watchOnlyOf(t, otherCalls, Filter{CgroupIDs: []uint64{cgroup.ID()}}, own(unix.SYS_CLONE), own(unix.SYS_GETPPID))
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_CLONE): {20, 0}, own(unix.SYS_GETPPID): {20, 0}})
	wantEnds(t, tracer, Counters{ExitWithoutEnter: endsUnseen(tracer, 20*forkEnds)})
}

// seccomp denies a call before its function.
func TestTargetedCallDeniedBySeccomp(t *testing.T) {
	p := bpftest.NewProgram()
	steps := append(deny(p, unix.SYS_GETPPID, unix.SYS_GETPGID), call(unix.SYS_GETPPID).Times(50), call(unix.SYS_GETSID, 0).Times(10), exit())
	process := p.Start(t, steps...)
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_GETPPID))
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{})
	wantEnds(t, tracer, Counters{ExitWithoutEnter: endsUnseen(tracer, 50)})
}

func TestTargetedCallInFlightAtAttach(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, say, call(unix.SYS_READ, 0, b, 1), say, call(unix.SYS_READ, 0, b, 1), exit())
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_READ))
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	wantOpen(t, tracer, 1) // the second read
	process.Poke()
	process.Finish()
	wantRows(t, tracer, calls{own(unix.SYS_READ): {1, 0}})
	wantEnds(t, tracer, Counters{ExitWithoutEnter: endsUnseen(tracer, 1)})
}

// A kernel may leave out the end of a call in whose function somebody else attaches
// meanwhile (6.12 does, 7.3 does not). It is counted with the thread's next call, and is
// not open for ever.
func TestTargetedEndThatTheKernelLeavesOut(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	process := p.Start(t, say, call(unix.SYS_READ, 0, b, 1), say, call(unix.SYS_PPOLL, 0, 0, p.Words(0, 300_000_000), 0, 8), call(unix.SYS_READ, 0, b, 1), exit())
	tracer := newRig(t).watchOnly(t, otherCalls, process, own(unix.SYS_READ))
	if err := tracer.SetSyscalls(func(sc Syscall) Setting {
		return Setting{Traits: map[bool]Trait{true: TraitObserved}[sc == own(unix.SYS_READ)], ThresholdNs: 3600e9}
	}); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	process.Hear()
	process.AwaitStates("S")
	wantSwept(t, tracer, 1)
	if err := followOne("read"); byFunctions(tracer) && err != nil {
		t.Fatal(err)
	}
	process.Poke()
	process.Hear()
	process.AwaitStates("S") // in ppoll
	wantSwept(t, tracer, 0)
	process.Poke()
	process.Finish()
	c := wantBalanceOf(t, tracer)
	if lost := c.Overwritten; lost > 1 || (lost > 0 && !byFunctions(tracer)) {
		t.Errorf("%d ends were left out; want at most the one, and none with tracepoints", lost)
	}
	wantRows(t, tracer, calls{own(unix.SYS_READ): {2 - c.Overwritten, 0}})
}

// wantSwept wants a sweep to find so many open calls.
func wantSwept(t *testing.T, tracer *watched, want int) {
	t.Helper()
	if _, err := tracer.Sweep(0); err != nil {
		t.Fatal(err)
	}
	if found := slowCalls(t, tracer.Tracer); len(found) != want && tracer.skipped(t) == 0 {
		t.Errorf("%d open calls were found; want %d", len(found), want)
	}
}

func TestTargetedSlowCallIsHandedOver(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{PipeReadNs: 60e6, Getppid: 100})
	tracer := newRig(t).watchOnlyOf(t, otherCalls, Filter{PIDFDs: []int{pidfd(t, child)}}, own(unix.SYS_READ))
	setThreshold(t, tracer.Tracer, unix.SYS_READ, 20e6)
	report := child.Run()
	found := 0
	for _, call := range slowCalls(t, tracer.Tracer) {
		if int(call.TID) != report.TID {
			continue
		}
		found++
		if call.StartNs < report.BeforeNs || call.EndNs > report.AfterNs || call.DurationNs() < 50e6 || call.Ret != 1 {
			t.Errorf("from %d to %d, result %d; the caller's bracket is %d to %d", call.StartNs, call.EndNs, call.Ret, report.BeforeNs, report.AfterNs)
		}
		if call.FDKind.String() != "pipe" || call.Args[0] != uint64(report.FD) || call.Wait == nil || call.Wait.SleepNs < 40e6 {
			t.Errorf("on %v, arguments %#x, waits %+v; want a sleep on pipe %d", call.FDKind, call.Args, call.Wait, report.FD)
		}
	}
	if found > 1 || found == 0 && !gaps(t, tracer.Tracer) {
		t.Errorf("%d slow reads; want one", found)
	}
}

func TestTargetedAttachAndDetachUnderLoad(t *testing.T) {
	p := bpftest.NewProgram()
	steps, want := migrating(t, p, 4, loadCalls(t)/8)
	process := p.Start(t, steps...)
	openat := own(unix.SYS_OPENAT)
	tracer := newRig(t).watchOnly(t, fileCalls, process, openat)
	held := len(bpfFDs(t))
	process.Poke()
	for range 2 {
		if err := errors.Join(tracer.Detach(), tracer.Attach()); err != nil {
			t.Fatal(err)
		}
	}
	if now := len(bpfFDs(t)); now != held {
		t.Errorf("%d descriptors of programs, maps and links; %d before", now, held)
	}
	process.Finish()
	wantBalanceOf(t, tracer)
	if n := counted(t, tracer).sum(); n > want[openat].calls {
		t.Errorf("%d calls were counted, of %d", n, want[openat].calls)
	}
}

// Somebody may be at one of the functions: then all calls go by the tracepoints.
func TestAFunctionThatRefusesLeavesTheTracepoints(t *testing.T) {
	p := bpftest.NewProgram()
	process := p.Start(t, call(unix.SYS_GETPPID).Times(10), exit())
	tracer := newRig(t).watchOnly(t, "", process, own(unix.SYS_GETPPID))
	closed, err := tracer.objs.SysExit.Clone()
	if err := errors.Join(err, closed.Close(), tracer.Detach()); err != nil {
		t.Fatal(err)
	}
	tracer.targeted = targeted{plan: plan{functions: []function{{name: "refuses"}}}, ends: []program{{"fexit", "refuses", closed}}}
	defer func() { tracer.targeted = targeted{} }()
	if err := tracer.Attach(); err != nil {
		t.Fatal(err)
	}
	if at, why := tracer.Attachment(), tracer.WhyTracepoints(); at != "tp_btf/sys_enter tp_btf/sys_exit" || !strings.Contains(why, "attach to fexit/refuses") {
		t.Errorf("attached to %q, because %q", at, why)
	}
	process.Poke()
	process.Finish()
	wantRows(t, &watched{tracer.Tracer}, calls{own(unix.SYS_GETPPID): {10, 0}})
}
