package system

import (
	"strconv"
	"testing"
)

func TestCountsAreExact(t *testing.T) {
	for _, test := range []struct {
		name     string
		retarget bool
	}{
		{"whole host", false},
		{"one process", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := bootRunning(t, byProcess)
			// What the workload's start reads and opens is in the summaries up
			// to the first flush, its own calls in those up to the second.
			p := m.waiting(t, "count", "-getppid", "1000000", "-read-zero", "250000", "-openat-fail", "1000")
			if test.retarget {
				m.call(t, "FilterPID", "u", strconv.Itoa(p.PID))
			}
			from := m.flush(t)
			p.release(t)
			var did struct {
				Calls   map[string]uint64
				StartNs uint64 `json:"start_ns"`
				EndNs   uint64 `json:"end_ns"`
			}
			p.decode(t, &did)
			p.wait(t)
			to := m.flush(t)
			got := total(m.entries(t), p.PID, from, to)

			failures := map[string]uint64{"openat": 1000}
			for syscall, want := range map[string]uint64{"getppid": 1000000, "read": 250000, "openat": 1000} {
				if did.Calls[syscall] != want {
					t.Errorf("the workload issued %d %s", did.Calls[syscall], syscall)
				}
				if got[syscall] != [2]uint64{want, failures[syscall]} {
					t.Errorf("%s: %d calls, %d errors; reported %d and %d", syscall, want, failures[syscall], got[syscall][0], got[syscall][1])
				}
			}
		})
	}
}
