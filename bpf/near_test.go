package bpf

import (
	"testing"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// While there is room, every row is near: none has to be looked for in the hash.
func TestTheFirstRowsAreNear(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{Getppid: 300, ReadZero: 300}) // more than are listed
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	near, far := 0, 0
	tracer.near.each(func(*syscountRowKey, *syscountRow) { near++ })
	if err := eachEntry(tracer.objs.Rows, func(*syscountRowKey, *syscountRow) { far++ }); err != nil {
		t.Fatal(err)
	}
	if near < 2 || far != 0 {
		t.Errorf("%d rows are near, %d are not; want all near", near, far)
	}
}

func TestPlacesNearACPU(t *testing.T) {
	for _, test := range []struct {
		rows uint32
		by   GroupBy
		cpus int
		want uint32
	}{
		{131072, GroupByCgroup, 2, 11}, {131072, GroupByCgroup, 16, 11}, {131072, GroupByProcess, 64, 9}, {131072, GroupByComm, 40_000, 2},
		{4096, GroupByProcess, 2, 10}, {1, GroupByProcess, 2, 2}, {1, GroupByNone, 2, 8}, {1, GroupByNone, 256, 7},
	} {
		if got := nearShift(test.rows, test.by, test.cpus); got != test.want {
			t.Errorf("%+v: 2^%d places", test, got)
		}
	}
}
