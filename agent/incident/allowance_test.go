package incident

import (
	"fmt"
	"testing"
	"time"
)

// However many places of a host hang, there are no more records than MostRecords in any time
// of that length, and no call is lost: what no incident counts is written.
func TestIncidentsAreBounded(t *testing.T) {
	b := &Book{}
	const seconds, units = 30, 600
	var at []time.Duration // of each event
	written, folded := 0, 0
	for now := time.Duration(0); now < 3*seconds*sec; now += 250 * ms {
		for u := range units {
			decision, events := b.Observe(now, call(fmt.Sprint(u), uint32(u*1000+int(now/(250*ms))), sec))
			at = append(at, times(now, len(events))...)
			if decision == Write {
				written++
			} else {
				folded++
			}
		}
		at = append(at, times(now, len(b.Tick(now)))...)
	}
	for i, end := 0, 0; i < len(at); i++ {
		for end < len(at) && at[end] < at[i]+seconds*sec {
			end++
		}
		if n := end - i; n > MostRecords(seconds) {
			t.Fatalf("%d records in %d s, at most %d are to be", n, seconds, MostRecords(seconds))
		}
	}
	if b.Open() > maxOpen || written == 0 || folded == 0 || len(at) < 2*defaultBurst {
		t.Errorf("%d open, %d written, %d folded, %d events", b.Open(), written, folded, len(at))
	}
}

func times(now time.Duration, n int) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = now
	}
	return all
}
