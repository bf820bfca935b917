package agent

import (
	"runtime"
	"testing"

	"github.com/syscountd/syscountd/bpf"
)

// weighedKernel weighs our heap when all is there that an interval needs.
type weighedKernel struct {
	*hostKernel
	heap uint64
}

func (k *weighedKernel) DeleteRows(keys []bpf.RowKey) error {
	k.heap = heapBytes()
	return k.hostKernel.DeleteRows(keys)
}

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Processes that come, make a few calls and go may be as many as the rows that the tables
// hold: what an interval needs for one of them, beside its row in the ledger, stays small.
func TestTheMemoryOfFiftyThousandProcesses(t *testing.T) {
	const processes, limit = 50_000, 650
	k := &weighedKernel{hostKernel: newHostKernel(processes, 1, true)}
	a := benchAgent(t, k, benchSink(t, "stdout"))
	before := heapBytes()
	a.endInterval(false)
	each := (k.heap - before) / processes
	if t.Logf("%d bytes each", each); each > limit {
		t.Errorf("%d bytes of heap for a process; the limit is %d", each, limit)
	}
}
