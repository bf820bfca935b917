package ledger

import (
	"runtime"
	"testing"

	"github.com/syscountd/syscountd/bpf"
)

// manyRows posts n rows, each with ten slots in use and a line of its own.
func manyRows(l *Ledger, n int, calls uint64) {
	l.Begin()
	var row kernelRow
	for slot := range 10 {
		row.histogram[20+slot] = uint32(calls)
	}
	row.Count, row.Timed, row.TotalNs, row.MinNs, row.MaxNs = 10*calls, 10*calls, 1000*calls, 100, 2000
	row.Histogram = &row.histogram
	for i := range n {
		process := bpf.Group{ID: uint64(i), PID: uint32(i)}
		l.Post(process, bpf.RowKey{Group: process, Syscall: read}, row.Row)
	}
}

// 50,000 processes and syscalls that are all busy in an interval: what is
// remembered of them and said about them stays small beside the 64 MiB that
// the service may use.
func TestTheMemoryOfFiftyThousandRows(t *testing.T) {
	const rows, limit = 50_000, 36 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := New()
	manyRows(l, rows, 1)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := after.HeapAlloc - before.HeapAlloc; used > limit {
		t.Errorf("%d rows take %d bytes of heap; the limit is %d", rows, used, limit)
	} else {
		t.Logf("%d bytes each", used/rows)
	}
	runtime.KeepAlive(l)
}

func BenchmarkPostFiftyThousandRows(b *testing.B) {
	l := New()
	for calls := uint64(1); b.Loop(); calls++ {
		manyRows(l, 50_000, calls)
	}
}

func BenchmarkTopOfFiftyThousandLines(b *testing.B) {
	l := New()
	manyRows(l, 50_000, 1)
	for b.Loop() {
		l.Lines().Top(20, func(bpf.Syscall) bool { return false })
	}
}
