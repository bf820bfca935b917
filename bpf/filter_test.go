package bpf

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// wantCount wants so many calls, less at most those whose programs the kernel
// skipped: since Linux 7.2 that is all of a CPU while a program is preempted there.
func wantCount(t *testing.T, tracer *Tracer, whose string, n, want uint64) {
	t.Helper()
	if skipped := (&watched{Tracer: tracer}).skipped(t); !within(n, want, skipped) {
		t.Errorf("%s: %d calls; want %d, less at most %d", whose, n, want, skipped)
	}
}

func TestAnotherFilterTakesForceAtOnce(t *testing.T) {
	first := bpftest.Start(t, bpftest.Script{Getppid: 100})
	second := bpftest.Start(t, bpftest.Script{Getppid: 200})
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{PIDFDs: []int{pidfd(t, first)}})
	if err := tracer.SetFilter(Filter{PIDFDs: []int{pidfd(t, second)}}); err != nil {
		t.Fatal(err)
	}
	first.Run()
	second.Run()
	if group, _ := groupOf(t, tracer, first.PID()); group.PID != 0 && sums(t, tracer)[group][unix.SYS_GETPPID].Count != 0 {
		t.Error("the old target is counted still")
	}
	group, _ := groupOf(t, tracer, second.PID())
	wantCount(t, tracer, "the new target", sums(t, tracer)[group][unix.SYS_GETPPID].Count, 200)
}

func TestOurOwnCallsAreNotSeen(t *testing.T) {
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{})
	for range 100 {
		unix.Getppid()
	}
	if group, _ := groupOf(t, tracer, unix.Getpid()); group.PID != 0 {
		t.Errorf("we see ourselves: %+v", sums(t, tracer)[group])
	}
}

func TestFilterBySyscall(t *testing.T) {
	script := script(t)
	child := bpftest.Start(t, script)
	tracer := running(t, Options{GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfd(t, child)}})
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		if sc == (Syscall{parts[0].abi, unix.SYS_READ}) {
			return Setting{Traits: TraitObserved, ThresholdNs: Never}
		}
		return Setting{ThresholdNs: Never}
	})
	if err != nil {
		t.Fatal(err)
	}
	child.Run()
	rows := sums(t, tracer)[Group{}]
	if !within(rows[unix.SYS_READ].Count, uint64(script.ReadZero), (&watched{Tracer: tracer}).skipped(t)) || rows[unix.SYS_GETPPID].Count != 0 {
		t.Errorf("%d reads, %d getppid; want %d, 0", rows[unix.SYS_READ].Count, rows[unix.SYS_GETPPID].Count, script.ReadZero)
	}
}

func TestFilterByCgroup(t *testing.T) {
	root := bpftest.CgroupRoot(t)
	unit := bpftest.NewCgroup(t, root, "syscount-test.service")
	inner := bpftest.NewCgroup(t, unit.Dir, "inner")
	other := bpftest.NewCgroup(t, root, "syscount-other.service")
	for _, test := range []struct {
		name   string
		filter Filter
	}{
		{"by name", Filter{CgroupNames: []string{"syscount-test.service"}}},
		{"by id", Filter{CgroupIDs: []uint64{unit.ID()}}},
		{"by one of several", Filter{CgroupNames: []string{"nothing.service"}, CgroupIDs: []uint64{1 << 40, unit.ID()}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, below, out := bpftest.Start(t, script100), bpftest.Start(t, script100), bpftest.Start(t, script100)
			unit.Add(in.PID())
			inner.Add(below.PID())
			other.Add(out.PID())
			tracer := running(t, Options{GroupBy: GroupByCgroup, Rows: 4096}, test.filter)
			in.Run()
			below.Run()
			out.Run()
			rows := sums(t, tracer)
			for cgroup, want := range map[*bpftest.Cgroup]uint64{unit: 100, inner: 100, other: 0} {
				wantCount(t, tracer, cgroup.Dir, rows[Group{ID: cgroup.ID()}][unix.SYS_GETPPID].Count, want)
			}
			if path, ok := tracer.CgroupPath(inner.ID()); !ok || path != inner.Path() {
				t.Errorf("path %q, %v; want %q", path, ok, inner.Path())
			}
			in.Kill()
			below.Kill()
			out.Kill()
		})
	}
}

var script100 = bpftest.Script{Getppid: 100}

func TestAUnitIsFoundAgainAfterItsRestart(t *testing.T) {
	root := bpftest.CgroupRoot(t)
	unit := bpftest.NewCgroup(t, root, "syscount-restart.service")
	tracer := running(t, Options{GroupBy: GroupByCgroup, Rows: 4096}, Filter{CgroupNames: []string{"syscount-restart.service"}})
	before := unit.ID()
	unit.Remove()
	unit = bpftest.NewCgroup(t, root, "syscount-restart.service")
	if unit.ID() == before {
		t.Fatal("the new cgroup has the old one's id: nothing to test")
	}
	child := bpftest.Start(t, script100)
	unit.Add(child.PID())
	child.Run()
	wantCount(t, tracer, "the restarted unit", sums(t, tracer)[Group{ID: unit.ID()}][unix.SYS_GETPPID].Count, 100)
	child.Kill()
}

func TestAThreadThatMovesIsFollowed(t *testing.T) {
	root := bpftest.CgroupRoot(t)
	from, to := bpftest.NewCgroup(t, root, "syscount-from.scope"), bpftest.NewCgroup(t, root, "syscount-to.scope")
	child := bpftest.Start(t, script100)
	from.Add(child.PID())
	tracer := running(t, Options{GroupBy: GroupByCgroup, Rows: 4096}, Filter{CgroupNames: []string{"syscount-to.scope"}})
	to.Add(child.PID())
	child.Run()
	wantCount(t, tracer, "after the move", sums(t, tracer)[Group{ID: to.ID()}][unix.SYS_GETPPID].Count, 100)
	child.Kill()
}

// Who a thread is may change after the filter is in force: the script changes it first of all.
func TestFilterByWhoMakesTheCall(t *testing.T) {
	const name, user = "syscount-chosen", 4711
	root := bpftest.CgroupRoot(t)
	unit := bpftest.NewCgroup(t, root, "syscount-test.service")
	for what, c := range map[string]struct {
		filter func(chosen, other int) Filter // of their pidfds
		other  uint64                         // calls seen of the one that is not chosen
	}{
		"by comm":    {func(int, int) Filter { return Filter{Comms: []string{"nobody", name}} }, 0},
		"by user":    {func(int, int) Filter { return Filter{Users: []uint32{user}} }, 0},
		"by cgroup":  {func(int, int) Filter { return Filter{CgroupNames: []string{"syscount-test.service"}} }, 0},
		"by any":     {func(_, other int) Filter { return Filter{Comms: []string{name}, PIDFDs: []int{other}} }, 100},
		"but a comm": {func(int, int) Filter { return Filter{ExcludedComms: []string{"syscount-other"}} }, 0},
		"of two, but a comm": {func(chosen, other int) Filter {
			return Filter{PIDFDs: []int{chosen, other}, ExcludedComms: []string{"syscount-other"}}
		}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			chosen := bpftest.Start(t, bpftest.Script{Comm: name, UID: user, Getppid: 100})
			other := bpftest.Start(t, bpftest.Script{Comm: "syscount-other", Getppid: 100})
			unit.Add(chosen.PID())
			tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, c.filter(pidfd(t, chosen), pidfd(t, other)))
			chosen.Run()
			other.Run()
			wantCallsOf(t, tracer, "the chosen", chosen, 100)
			wantCallsOf(t, tracer, "the other", other, c.other)
			chosen.Kill()
			other.Kill()
		})
	}
}

func wantCallsOf(t *testing.T, tracer *Tracer, whose string, child *bpftest.Child, want uint64) {
	t.Helper()
	var n uint64
	if group, _ := groupOf(t, tracer, child.PID()); group.PID != 0 {
		n = sums(t, tracer)[group][unix.SYS_GETPPID].Count
	}
	wantCount(t, tracer, whose, n, want)
}

func TestAnExcludedUnitIsLeftOut(t *testing.T) {
	root := bpftest.CgroupRoot(t)
	slice := bpftest.NewCgroup(t, root, "syscount-test.slice")
	in, out := bpftest.NewCgroup(t, slice.Dir, "syscount-in.service"), bpftest.NewCgroup(t, slice.Dir, "syscount-out.service")
	inner := bpftest.NewCgroup(t, out.Dir, "inner")
	for what, filter := range map[string]Filter{
		"of the host":  {ExcludedCgroupNames: []string{"syscount-out.service"}},
		"of its slice": {CgroupNames: []string{"syscount-test.slice"}, ExcludedCgroupNames: []string{"syscount-out.service"}},
		"of itself":    {CgroupNames: []string{"syscount-in.service", "inner"}, ExcludedCgroupNames: []string{"syscount-out.service"}},
	} {
		t.Run(what, func(t *testing.T) {
			tracer := running(t, Options{GroupBy: GroupByCgroup, Rows: 4096}, filter)
			for cgroup, want := range map[*bpftest.Cgroup]uint64{in: 100, out: 0, inner: 0} {
				child := bpftest.Start(t, script100)
				cgroup.Add(child.PID())
				child.Run()
				wantCount(t, tracer, cgroup.Dir, sums(t, tracer)[Group{ID: cgroup.ID()}][unix.SYS_GETPPID].Count, want)
				child.Kill()
			}
		})
	}
}

func TestFilterByResult(t *testing.T) {
	for what, c := range map[string]struct {
		filter Filter
		failed uint64
	}{
		"errors":        {Filter{Failed: true}, 50},
		"one errno":     {Filter{Errnos: []int{int(unix.EIO), int(unix.ENOENT)}}, 50},
		"another errno": {Filter{Errnos: []int{int(unix.EIO), int(unix.ENOENT) + 64}}, 0},
	} {
		for name, mode := range map[string]Mode{"account": ModeAccount, "count": ModeCount} {
			t.Run(what+"/"+name, func(t *testing.T) {
				child := bpftest.Start(t, bpftest.Script{Getppid: 100, OpenFails: 50})
				c.filter.PIDFDs = []int{pidfd(t, child)}
				tracer := running(t, Options{Mode: mode, GroupBy: GroupByNone}, c.filter)
				before, err := tracer.Counters()
				if err != nil {
					t.Fatal(err)
				}
				child.Run()
				rows := sums(t, tracer)[Group{}]
				wantCount(t, tracer, "getppid", rows[unix.SYS_GETPPID].Count, 0)
				wantCount(t, tracer, "openat", rows[unix.SYS_OPENAT].Count, c.failed)
				if open := rows[unix.SYS_OPENAT]; open.Errors != open.Count {
					t.Errorf("%d calls with %d errors; want errors only", open.Count, open.Errors)
				}
				after, err := tracer.Counters()
				if err != nil {
					t.Fatal(err)
				}
				if least := 150 - c.failed; after.Unwanted-before.Unwanted+(&watched{Tracer: tracer}).skipped(t) < least {
					t.Errorf("%d calls left out by their result; want at least %d", after.Unwanted-before.Unwanted, least)
				}
				child.Kill()
			})
		}
	}
}

// A futex that nobody wakes: the slow call is handed over if its error is wanted, in every mode.
func TestASlowCallIsFilteredByItsResult(t *testing.T) {
	for name, opts := range findingModes() {
		for errno, want := range map[syscall.Errno]int{unix.ETIMEDOUT: 1, unix.EIO: 0} {
			t.Run(name+"/"+unix.ErrnoName(errno), func(t *testing.T) {
				p := bpftest.NewProgram()
				process := p.Start(t, call(unix.SYS_FUTEX, p.Words(0), 0, 0, p.Words(0, 60e6)), exit())
				tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}, Errnos: []int{int(errno)}})
				setThreshold(t, tracer, unix.SYS_FUTEX, 20e6)
				process.Poke()
				process.Finish()
				calls := slowCalls(t, tracer)
				if len(calls) > want || len(calls) < want && !gaps(t, tracer) {
					t.Errorf("%d slow calls; want %d", len(calls), want)
				}
				for _, c := range calls {
					if c.Ret != -int64(errno) {
						t.Errorf("ret %d; want %d", c.Ret, -int64(errno))
					}
				}
			})
		}
	}
}
