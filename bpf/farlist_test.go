package bpf

import (
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// takeLists makes all places of the array another process's, and gives them back.
func takeLists(t *testing.T, tracer *Tracer) (giveBack func()) {
	t.Helper()
	for i := range tracer.early.values {
		l := &tracer.early.values[i]
		l.Group, l.Calls[0] = 1, early(t, 1, 0, false, false, 1)
		atomic.StoreUint32(&l.Pid, 1)
	}
	return func() {
		for i := range tracer.early.values {
			if l := &tracer.early.values[i]; l.Pid == 1 {
				*l = syscountEarlyList{}
			}
		}
	}
}

// youngsterOf is a youngster of a tracer that a test has prepared.
func youngsterOf(t *testing.T, tracer *Tracer, getppids int) *watched {
	t.Helper()
	p := bpftest.NewProgram()
	process := p.Start(t, parentOf(p.Steps(call(unix.SYS_GETPPID).Times(getppids), exit()))...)
	cgroup := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), "syscount-lists.scope")
	cgroup.Add(process.PID())
	if err := tracer.SetFilter(Filter{CgroupIDs: []uint64{cgroup.ID()}}); err != nil {
		t.Fatal(err)
	}
	if err := tracer.Attach(); err != nil {
		t.Fatal(err)
	}
	process.Poke()
	process.Finish()
	w := &watched{tracer}
	if got := counted(t, w)[own(unix.SYS_GETPPID)]; !got.isShortOf(tally{uint64(getppids), 0}, w.skipped(t)) {
		t.Errorf("%d calls of getppid; want %d, with %d runs skipped", got.calls, getppids, w.skipped(t))
	}
	return w
}

// farLists is how many lists are not in the array.
func farLists(t *testing.T, tracer *watched) (n int) {
	t.Helper()
	if err := eachEntry(tracer.objs.FarLists, func(*syscountListKey, *syscountEarlyList) { n++ }); err != nil {
		t.Fatal(err)
	}
	return n
}

// A list is free again when its process's rows are, and the next process's rows are its own, wherever they are.
func TestAListIsFreedWithTheRows(t *testing.T) {
	for _, far := range []bool{false, true, false} {
		t.Run(fmt.Sprintf("further away %v", far), func(t *testing.T) { freesLists(t, far) })
	}
}

func freesLists(t *testing.T, far bool) {
	tracer := shared.borrow(t, modes["account"])
	giveBack := func() {}
	if far {
		giveBack = takeLists(t, tracer)
	}
	w := youngsterOf(t, tracer, 100) // two lists
	giveBack()
	if got := farLists(t, w); far != (got > 0) || far && got < 2 && w.skipped(t) == 0 {
		t.Errorf("%d lists are further away, where it is %v that the others are taken", got, far)
	}
	var keys []RowKey
	if err := tracer.EachRow(tracer.Interval(), func(key RowKey, _ Row) { keys = append(keys, key) }); err != nil {
		t.Fatal(err)
	}
	if len(listed(w)) == 0 {
		t.Error("nothing is listed")
	}
	if err := tracer.DeleteRows(keys); err != nil {
		t.Fatal(err)
	}
	for i := range tracer.early.values {
		if l := &tracer.early.values[i]; *l != (syscountEarlyList{}) {
			t.Errorf("list %d is not free: %+v", i, *l)
		}
	}
	if got := farLists(t, w); got != 0 {
		t.Errorf("%d lists further away are not free", got)
	}
	if left := counted(t, w); len(left) > 0 {
		t.Errorf("rows are left: %+v", left)
	}
}

// Where all lists are taken, and there is no room for others, calls are added to rows.
func TestWithoutAFreeListCallsAreAddedToRows(t *testing.T) {
	tracer := shared.borrow(t, modes["account"])
	takeLists(t, tracer)
	for n := range tracer.objs.FarLists.MaxEntries() {
		if err := tracer.objs.FarLists.Put(&syscountListKey{Group: uint64(n) + 1}, &syscountEarlyList{}); err != nil {
			t.Fatal(err)
		}
	}
	w := youngsterOf(t, tracer, 10)
	if got := listed(w)[own(unix.SYS_GETPPID)]; got.calls != 0 {
		t.Errorf("%d calls are listed", got.calls)
	}
}
