package bpf

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// never holds all calls back, however they end.
var never = Floor{OKNs: Never, FailedNs: Never, OpenNs: Never}

// setFloor has these calls be slow from the threshold on, but for what the floor holds back.
func setFloor(t *testing.T, tracer *Tracer, thresholdNs uint64, floor Floor, calls ...int32) {
	t.Helper()
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		s := Setting{Traits: TraitObserved, ThresholdNs: Never}
		for _, nr := range calls {
			if sc == own(nr) {
				s.ThresholdNs, s.Floor = thresholdNs, floor
			}
		}
		return s
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Of a call that reached its threshold the result decides which floor counts.
func TestFloorsByResult(t *testing.T) {
	for _, test := range []struct {
		floor                Floor
		ok, failed, ruledOut int // of three calls that succeed, and two that fail
	}{
		{Floor{}, 3, 2, 0},
		{Floor{OKNs: Never}, 0, 2, 3},
		{Floor{FailedNs: Never}, 3, 0, 2},
		{Floor{OKNs: 1, FailedNs: 1e15, OpenNs: 1}, 3, 0, 2},
		{never, 0, 0, 5},
	} {
		t.Run(fmt.Sprintf("%+v", test.floor), func(t *testing.T) {
			p := bpftest.NewProgram()
			process := p.Start(t, call(unix.SYS_GETPPID).Times(3), call(unix.SYS_CLOSE, 9999).Times(2), exit())
			tracer := running(t, Options{GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
			setFloor(t, tracer, 1, test.floor, unix.SYS_GETPPID, unix.SYS_CLOSE)
			process.Poke()
			process.Finish()
			got := map[int64]int{}
			for _, c := range slowCalls(t, tracer) {
				got[min(c.Ret, 0)]++
			}
			c, err := tracer.Counters()
			if err != nil {
				t.Fatal(err)
			}
			if gaps(t, tracer) {
				return
			}
			if got[0] != test.ok || got[-int64(unix.EBADF)] != test.failed || c.Slow != uint64(test.ok+test.failed) || c.RuledOut != uint64(test.ruledOut) {
				t.Errorf("%v handed over by result, %d slow, %d ruled out; want %+v", got, c.Slow, c.RuledOut, test)
			}
		})
	}
}

// reader reads a byte again and again, each time after a while.
type reader struct {
	*bpftest.Process
	*Tracer
	cgroup uint64
}

// longRead is the threshold of its reads; each takes twice as long.
const longRead = 20 * time.Millisecond

func startReader(t *testing.T, opts Options, reads int) reader {
	t.Helper()
	unit := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), "syscount-floor.service")
	p := bpftest.NewProgram()
	b := p.Words(0)
	say := call(unix.SYS_WRITE, 1, b, 1)
	steps := []bpftest.Step{call(unix.SYS_GETPPID).Times(40), say}
	for range reads {
		steps = append(steps, call(unix.SYS_READ, 0, b, 1), say)
	}
	process := p.Start(t, append(steps, call(unix.SYS_READ, 0, b, 1), exit())...)
	unit.Add(process.PID())
	r := reader{process, running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}}), unit.ID()}
	r.setFloor(t, Floor{})
	process.Poke()
	process.Hear() // it is past its release, which is a read too
	slowCalls(t, r.Tracer)
	t.Cleanup(func() {
		process.Kill()
		if err := r.Detach(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r reader) setFloor(t *testing.T, f Floor) {
	t.Helper()
	setFloor(t, r.Tracer, uint64(longRead), f, unix.SYS_READ)
}

// wantRead lets a read end, and says whether it is to be handed over or ruled out.
func (r reader) wantRead(t *testing.T, what string, handedOver bool) {
	t.Helper()
	before, err := r.Counters()
	if err != nil {
		t.Fatal(err)
	}
	r.AwaitStates("S")
	time.Sleep(2 * longRead)
	r.Poke()
	r.Hear()
	r.AwaitStates("S")
	after, err := r.Counters()
	if err != nil {
		t.Fatal(err)
	}
	found, ruledOut := 0, after.RuledOut-before.RuledOut
	for _, c := range slowCalls(t, r.Tracer) {
		if c.Syscall == own(unix.SYS_READ) && !c.Stuck {
			found++
		}
	}
	if gaps(t, r.Tracer) {
		return
	}
	if found > 1 || (found == 1) != handedOver || found+int(ruledOut) != 1 {
		t.Errorf("%s: %d handed over, %d ruled out; want it handed over: %v", what, found, ruledOut, handedOver)
	}
}

// assign gives the reader's cgroup a set with this floor for reads.
func (r reader) assign(t *testing.T, f Floor) FloorSet {
	t.Helper()
	set, err := r.NewFloorSet(func(sc Syscall) (Floor, uint16, bool) { return f, 0, sc == own(unix.SYS_READ) })
	if err == nil {
		err = r.AssignCgroup(r.cgroup, set)
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// In each mode: a cgroup goes by its set until the next change, and by the lowest floors before and after.
func TestFloorsOfACgroup(t *testing.T) {
	for name, opts := range findingModes() {
		t.Run(name, func(t *testing.T) {
			r := startReader(t, opts, 7)
			r.wantRead(t, "without a set", true)
			old := r.assign(t, never)
			r.wantRead(t, "with a set", false)
			if err := r.AssignCgroup(r.cgroup+1<<32, old); err != nil {
				t.Fatal(err)
			}
			r.setFloor(t, Floor{})
			r.wantRead(t, "after a change", true)
			if err := r.AssignCgroup(r.cgroup, old); err != nil {
				t.Fatal(err)
			}
			r.wantRead(t, "with a set from before the change", true)
			r.assign(t, Floor{FailedNs: Never})
			r.wantRead(t, "with a set for those that fail", true)
			r.assign(t, never)
			r.wantRead(t, "with another set", false)
			if err := r.DeleteCgroup(r.cgroup); err != nil {
				t.Fatal(err)
			}
			r.wantRead(t, "after the cgroup is said to be gone", true)
		})
	}
}

// A sweep goes by the floors of calls that are open; and what it has found has its end handed over.
func TestFloorsOfOpenCalls(t *testing.T) {
	r := startReader(t, Options{GroupBy: GroupByNone}, 2)
	sweep := func(what string, age time.Duration, want int) {
		t.Helper()
		r.AwaitStates("S")
		time.Sleep(longRead)
		if _, err := r.Sweep(age); err != nil {
			t.Fatal(err)
		}
		if got := len(slowCalls(t, r.Tracer)); got != want && !gaps(t, r.Tracer) {
			t.Errorf("%s: %d open calls; want %d", what, got, want)
		}
	}
	r.assign(t, never)
	sweep("with a set", time.Millisecond, 0)
	r.assign(t, Floor{OKNs: Never, FailedNs: Never, OpenNs: 1})
	sweep("with a set for those that have ended", time.Millisecond, 1)
	r.wantRead(t, "found by the sweep", true)
	sweep("too young", time.Hour, 0)
	r.wantRead(t, "too young for the sweep", false)
}

// Who comes after does not know the sets: all that is held back by them is handed over again. And programs that take the
// place of others go by them.
func TestFloorsOverAReplacement(t *testing.T) {
	unit := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), "syscount-floor.service")
	process := readFor(t, 0)
	unit.Add(process.PID())
	from, all := replacements()
	tracer := newReplaceable(t, from)
	tracer.findReads(t, process)
	set, err := tracer.NewFloorSet(func(sc Syscall) (Floor, uint16, bool) { return never, 0, sc == own(unix.SYS_READ) })
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.AssignCgroup(unit.ID(), set); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	hold(process)
	tracer.replace(t, all[0])
	if _, err := tracer.Sweep(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := slowCalls(t, tracer.Tracer); len(got) != 0 {
		t.Errorf("%d open calls; the set is for none", len(got))
	}
	if err := tracer.readGenerations(); err != nil { // as Adopt does
		t.Fatal(err)
	}
	if _, err := tracer.Sweep(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := slowCalls(t, tracer.Tracer); len(got) != 1 {
		t.Errorf("%d open calls; want the read", len(got))
	}
	process.Poke()
	process.Finish()
}

// When the tables are full, that is all.
func TestTheTablesOfFloorsMayFill(t *testing.T) {
	tracer := running(t, Options{GroupBy: GroupByNone}, Filter{Comms: []string{"syscount-nobody"}})
	all := func(Syscall) (Floor, uint16, bool) { return never, 0, true }
	made := 0
	var set FloorSet
	for ; made <= maxFloorSets; made++ {
		next, err := tracer.NewFloorSet(all)
		if errors.Is(err, ErrNoRoom) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		set = next
	}
	if made < 8 || made > maxFloorSets {
		t.Errorf("room for %d sets of all calls", made)
	}
	for id := range uint64(8193) {
		err := tracer.AssignCgroup(1<<40+id, set)
		if (err == nil) != (id < 8192) || err != nil && !errors.Is(err, ErrNoRoom) {
			t.Fatalf("cgroup %d: %v", id, err)
		}
	}
	setFloor(t, tracer, 1, Floor{})
	if set, err := tracer.NewFloorSet(all); err != nil || tracer.AssignCgroup(1, set) != nil {
		t.Errorf("no room after a change: %v", err)
	}
}
