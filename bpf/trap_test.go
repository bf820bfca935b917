package bpf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// The tests of traps run a program whose calls are all known, from its release
// to its end, and want every row of it.

// traps are the tests; each is run in all modes, and those of other files of
// this architecture's own.
var traps = map[string]func(*testing.T, *rig, Options){
	"denied by seccomp":                           trapDeniedBySeccomp,
	"left out by ptrace":                          trapLeftOutByPtrace,
	"rewritten by ptrace":                         trapRewrittenByPtrace,
	"forks count once":                            trapForksCountOnce,
	"failed fork is an error":                     trapFailedForkIsAnError,
	"exit of threads and of the process":          trapExitOfThreadsAndOfTheProcess,
	"exit_group kills threads":                    trapExitGroupKillsThreads,
	"killed in a call":                            trapKilledInACall,
	"exec of a thread":                            trapExecOfAThread,
	"exec fails and succeeds":                     trapExecFailsAndSucceeds,
	"sigreturn after exec":                        trapSigreturnAfterExec,
	"execveat":                                    trapExecveat,
	"signal storm":                                trapSignalStorm,
	"sigreturn has no result":                     trapSigreturnHasNoResult,
	"stop and continue":                           trapStopAndContinue,
	"read goes on after a handler":                trapReadGoesOnAfterAHandler,
	"read ends without SA_RESTART":                trapReadEndsWithoutSARestart,
	"handler ends a call":                         trapHandlerEndsACall,
	"handler makes the same call":                 trapHandlerMakesTheSameCall,
	"nested handlers":                             trapNestedHandlers,
	"read suspended in a handler":                 trapReadSuspendedInAHandler,
	"handler jumps out":                           trapHandlerJumpsOut,
	"calls left out":                              trapCallsLeftOut,
	"forks left out":                              trapForksLeftOut,
	"read goes on with sigreturn left out":        trapReadGoesOnWithSigreturnLeftOut,
	"sleep goes on with restart_syscall left out": trapSleepGoesOnWithRestartLeftOut,
	"numbers out of range":                        trapNumbersOutOfRange,
	"call in flight at attach":                    trapCallInFlightAtAttach,
	"PID reused at once":                          trapPIDReusedAtOnce,
	"PID reused is another process":               trapPIDReusedIsAnotherProcess,
	"group by comm":                               trapGroupByComm,
	"overflow keeps totals":                       trapOverflowKeepsTotals,
	"attach and detach under load":                trapAttachAndDetachUnderLoad,
	"32-bit process":                              trap32BitProcess,
	"exec of another ABI":                         trapExecOfAnotherABI,
}

func TestTraps(t *testing.T) {
	r := newRig(t)
	all := maps.Clone(traps)
	maps.Copy(all, trapsOfArch)
	for mode, opts := range modes {
		for name, trap := range all {
			t.Run(mode+"/"+name, func(t *testing.T) { trap(t, r, opts) })
			t.Run(mode+", no lists/"+name, func(t *testing.T) { trap(t, r, withoutLists(opts)) })
		}
	}
}

// withoutLists has no groups. The processes of tests are young, so that their first calls are listed
// where rows are by process; and all of these go the long way, of which the others take a short one (plain.h).
func withoutLists(opts Options) Options {
	opts.GroupBy = GroupByNone
	return opts
}

// tally is a known answer.
type tally struct{ calls, errors uint64 }

type calls map[Syscall]tally

// own is a call of this architecture's first ABI.
func own(nr int32) Syscall { return Syscall{parts[0].abi, nr} }

// plus is the union of two answers that have no call in common.
func (c calls) plus(more calls) calls {
	all := maps.Clone(c)
	maps.Copy(all, more)
	return all
}

// call and exit are short forms of steps.
func call(nr uintptr, args ...uintptr) bpftest.Step { return bpftest.Call(nr, args...) }

func exit() bpftest.Step { return bpftest.Call(unix.SYS_EXIT_GROUP, 0) }

// rig holds the tracers that the tests share, since a load takes longer than most
// of them, and seconds on an emulated machine: one for each set of maps, switched,
// detached and emptied between.
type rig struct {
	loaded []*Tracer
	lent   map[*Tracer]bool
	spoilt map[*Tracer]bool   // the whole host was observed: any thread may have a call open from then
	before map[*Tracer]uint64 // runs that the kernel had skipped when the test began
}

// shared is the only one; TestMain closes it.
var shared = &rig{lent: map[*Tracer]bool{}, spoilt: map[*Tracer]bool{}, before: map[*Tracer]uint64{}}

func newRig(*testing.T) *rig { return shared }

func (r *rig) close() (err error) {
	for _, tracer := range r.loaded {
		err = errors.Join(err, tracer.Close())
	}
	return err
}

// modes are all that count.
var modes = map[string]Options{
	"account": {Mode: ModeAccount, GroupBy: GroupByProcess, Rows: 4096},
	"sampled": {Mode: ModeAccount, GroupBy: GroupByProcess, Rows: 4096, Sample: 16},
	"count":   {Mode: ModeCount, GroupBy: GroupByProcess, Rows: 4096},
}

// timesAll: every call has its time.
func timesAll(opts Options) bool { return opts.Mode == ModeAccount && opts.Sample <= 1 }

// watched is a tracer in the hands of one test.
type watched struct{ *Tracer }

// skipped is how many runs of programs the kernel skipped meanwhile. Since Linux
// 7.2 a program may be preempted, and is not run for others on that CPU until it
// has ended: then what we know of calls has gaps, and exact answers there are none.
func (w *watched) skipped(t *testing.T) uint64 {
	t.Helper()
	return missesOf(t, w.Tracer) - shared.before[w.Tracer]
}

func missesOf(t *testing.T, tracer *Tracer) uint64 {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	return c.RecursionMisses
}

// gaps says that in this test the kernel skipped runs, see skipped, or left out events at
// which threads come to the CPU, see running.h: a call may be missing, or a part of its time.
func gaps(t *testing.T, tracer *Tracer) bool {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	skipped := (&watched{Tracer: tracer}).skipped(t)
	if skipped+c.SwitchesMissed > 0 {
		t.Logf("the kernel skipped %d runs, and left out %d events", skipped, c.SwitchesMissed)
	}
	return skipped+c.SwitchesMissed > 0
}

// watch observes one process, and watchAll it and all that it forks.
func (r *rig) watch(t *testing.T, opts Options, p *bpftest.Process) *watched {
	t.Helper()
	return r.watchFilter(t, opts, Filter{PIDFDs: []int{pidfdOf(t, p.PID())}})
}

func (r *rig) watchAll(t *testing.T, opts Options, p *bpftest.Process) *watched {
	t.Helper()
	cgroup := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), fmt.Sprintf("syscount-trap-%d.scope", p.PID()))
	cgroup.Add(p.PID())
	return r.watchFilter(t, opts, Filter{CgroupIDs: []uint64{cgroup.ID()}})
}

func (r *rig) watchFilter(t *testing.T, opts Options, f Filter) *watched {
	t.Helper()
	tracer := r.borrow(t, opts)
	if err := errors.Join(tracer.SetSyscalls(settingOfTraps), tracer.SetFilter(f), tracer.Attach()); err != nil {
		t.Fatal(err)
	}
	return &watched{tracer}
}

// borrow gives a tracer that is as if it had just been loaded, until the test's
// end.
func (r *rig) borrow(t *testing.T, opts Options) *Tracer {
	t.Helper()
	tracer := r.load(t, opts)
	giveBack := func() {
		if err := errors.Join(tracer.Detach(), emptied(tracer)); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() {
		giveBack()
		r.lent[tracer] = false
		if !r.spoilt[tracer] && !t.Failed() {
			return
		}
		r.loaded = slices.DeleteFunc(r.loaded, func(other *Tracer) bool { return other == tracer })
		if err := tracer.Close(); err != nil {
			t.Error(err)
		}
	})
	giveBack() // a test may borrow it a second time
	r.lent[tracer] = true
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	r.before[tracer] = c.RecursionMisses
	return tracer
}

// load gives one that is there already if its programs and maps serve: to load takes
// seconds where the machine is emulated. One that is lent is the borrower's alone.
func (r *rig) load(t *testing.T, opts Options) *Tracer {
	t.Helper()
	for _, tracer := range r.loaded {
		if r.lent[tracer] && !tracer.Options().Same(opts) || !tracer.Fits(opts) {
			continue
		}
		if _, err := tracer.Switch(opts); err != nil {
			t.Fatalf("switch: %v", err)
		}
		return tracer
	}
	tracer, err := Load(opts)
	if err != nil {
		t.Fatalf("load: %+v", err)
	}
	r.loaded = append(r.loaded, tracer)
	return tracer
}

// has says whether a tracer is there that serves, or would, were it not lent.
func (r *rig) has(opts Options) bool {
	return slices.ContainsFunc(r.loaded, func(tracer *Tracer) bool { return tracer.Fits(opts) })
}

// emptied makes a detached tracer as if it had just been loaded.
func emptied(tracer *Tracer) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	all := map[syscountRowKey]bool{}
	tracer.near.each(func(key *syscountRowKey, _ *syscountRow) { all[*key] = true })
	err = tracer.early.each(0, func(key *syscountRowKey, _ *syscountRow) { all[*key] = true })
	tracer.near.free(all)
	if err := errors.Join(err, tracer.early.free(all), tracer.FlushSlow()); err != nil {
		return err
	}
	for err == nil {
		_, err = tracer.NextSlow()
	}
	if !errors.Is(err, ErrFlushed) {
		return err
	}
	return errors.Join(
		empty[syscountListKey, syscountEarlyList](tracer.objs.FarLists),
		empty[syscountRowKey, syscountRow](tracer.objs.Rows),
		empty[syscountRowKey, syscountRow](tracer.objs.Rest),
		empty[syscountProcessKey, syscountProcessName](tracer.objs.ProcessNames),
		tracer.objs.Cpus.Put(uint32(0), make([]syscountCpu, cpus)),
		tracer.objs.SweepRingFull.Set(uint64(0)), tracer.objs.GivenUp.Set(uint64(0)),
		tracer.objs.VoidedLeftOut.Set(uint64(0)), tracer.objs.VoidedEnded.Set(uint64(0)),
	)
}

// settingOfTraps observes all, with the traits that the counting depends on.
func settingOfTraps(sc Syscall) Setting {
	return Setting{Traits: TraitObserved | trapTraits[sc], ThresholdNs: Never}
}

func pidfdOf(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// wantStory is wantEnds for a process that was in its release at the attachment.
func wantStory(t *testing.T, tracer *watched, want Counters) bool {
	t.Helper()
	if tracer.mode != ModeCount {
		want.ExitWithoutEnter++
	}
	return wantEnds(t, tracer, want)
}

// wantEnds wants the balance, and these counters of what is not just a call,
// with all others 0. Mode count knows of no beginnings, and hence not who died
// before an end. False: the kernel skipped runs, so nothing more is exact.
func wantEnds(t *testing.T, tracer *watched, want Counters) bool {
	t.Helper()
	c := wantBalanceOf(t, tracer)
	if skipped := tracer.skipped(t); skipped > 0 {
		t.Logf("the kernel skipped %d runs", skipped)
		return false
	}
	if tracer.mode == ModeCount {
		want.Died = 0
	}
	want.Enter, want.Exit, want.Matched, want.RecursionMisses = c.Enter, c.Exit, c.Matched, c.RecursionMisses
	if tracer.mode == ModeCount {
		want.Unstamped = c.Unstamped
	}
	want.Traffic, want.SwitchesMissed = c.Traffic, c.SwitchesMissed // of which running.h says that it is the kernel's
	if c != want {
		t.Errorf("counters\n%+v; want\n%+v", c, want)
	}
	return true
}

// wantBalanceOf is wantBalance for all modes and ABIs. Each run that the kernel
// skipped may leave one event over.
func wantBalanceOf(t *testing.T, tracer *watched) Counters {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	skipped := tracer.skipped(t)
	equal := func(what string, a, b uint64) {
		t.Helper()
		if max(a, b)-min(a, b) > skipped {
			t.Errorf("%s: %d and %d do not add up, with %d runs skipped: %+v", what, a, b, skipped, c)
		}
	}
	equal("beginnings", c.Enter+c.Unstamped, c.Matched+c.Suspended+c.Died+c.Overwritten+c.Refiltered+c.HandedOver)
	equal("ends", c.Exit, c.Matched+c.Suspended+c.ExitWithoutEnter+c.Refiltered)
	equal("restarts", c.Suspended, c.Resumed+c.Interrupted+c.Abandoned)
	equal("rows", counted(t, tracer).sum(), c.Matched+c.Interrupted)
	if open, err := tracer.OpenCalls(); err != nil || open > skipped {
		t.Errorf("%d open calls, %v; want none", open, err)
	}
	return c
}
