package bpf

import (
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
