package ledger

import (
	"testing"

	"github.com/syscountd/syscountd/agent/histogram"
)

// A call whose row was read between its count and its extremes is told with its own
// time, not with the end of its bucket.
func TestTheExtremesOfASingleCallAreItsTime(t *testing.T) {
	const ns = 1345325
	var h histogram.Histogram
	h[histogram.Slot(ns)] = 1
	for _, l := range []Line{{Timed: 1, TotalNs: ns}, {Timed: 1, TotalNs: ns, MinNs: 7, MaxNs: 9}} {
		if minNs, maxNs := l.Extremes(&h); minNs != ns || maxNs != ns {
			t.Errorf("%+v: from %d to %d; want %d", l, minNs, maxNs, ns)
		}
	}
}
