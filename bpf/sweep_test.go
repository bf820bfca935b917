package bpf

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A sweep says until when no other one would find more: the agent sleeps until then.
func TestASweepSaysUntilWhenNoneFindsMore(t *testing.T) {
	const hour = time.Hour
	for name, opts := range findingModes() {
		t.Run(name, func(t *testing.T) {
			r := startReader(t, opts, 0)
			r.AwaitStates("S")
			r.sweepKnown(t, hour)
			asleep := time.Now()
			time.Sleep(longRead)
			youngest := time.Since(asleep)
			swept := r.sweepKnown(t, hour)
			if gaps(t, r.Tracer) {
				return
			}
			if swept.Found != 0 || swept.Quiet < hour-time.Since(asleep)-10*time.Second || swept.Quiet > hour-youngest {
				t.Errorf("a read that has been open for %v or a little longer: %+v", youngest, swept)
			}
			if swept := r.sweepOnce(t, time.Millisecond); swept.Found != 1 {
				t.Errorf("it is old enough: %+v", swept)
			}
			r.assign(t, Floor{OpenNs: uint64(hour)})
			if swept := r.sweepOnce(t, time.Millisecond); swept != (Swept{}) {
				t.Errorf("its cgroup's floor may be reached at any time: %+v", swept)
			}
			r.assign(t, Floor{OpenNs: Never})
			if swept := r.sweepOnce(t, time.Millisecond); swept != (Swept{Quiet: time.Millisecond}) {
				t.Errorf("its cgroup's floor is never reached: %+v", swept)
			}
			setFloor(t, r.Tracer, Never, Floor{}, unix.SYS_READ)
			if swept := r.sweepOnce(t, hour); swept != (Swept{Quiet: hour}) {
				t.Errorf("no read is slow: %+v", swept)
			}
		})
	}
}

// A call is open, and nobody knows since when.
func TestASweepDoesNotKnowWhenACallBegan(t *testing.T) {
	r := startReader(t, Options{Mode: ModeCount, GroupBy: GroupByNone, NoWaits: true}, 0)
	r.AwaitStates("S")
	if swept := r.sweepOnce(t, time.Hour); swept != (Swept{}) {
		t.Errorf("%+v; want none found, and nothing known", swept)
	}
}

func (r reader) sweepOnce(t *testing.T, age time.Duration) Swept {
	t.Helper()
	swept, err := r.Sweep(age)
	if err != nil {
		t.Fatal(err)
	}
	slowCalls(t, r.Tracer)
	return swept
}

// sweepKnown sweeps until the beginning of the reader's call is known: in state S it may still be about to leave the CPU.
func (r reader) sweepKnown(t *testing.T, age time.Duration) (swept Swept) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); swept.Quiet == 0 && time.Now().Before(deadline); {
		swept = r.sweepOnce(t, age)
	}
	return swept
}

// The host may have been up for less than a call needs to be old enough.
func TestUntilWhenNoCallIsOldEnough(t *testing.T) {
	const s = uint64(time.Second)
	for _, test := range []struct {
		now, left uint64
		want      time.Duration
	}{
		{now: 7 * s, left: noneLeft, want: 10 * time.Second},
		{now: 7 * s, left: 0, want: 0},
		{now: 7 * s, left: 1 * s, want: 4 * time.Second},
		{now: 99 * s, left: 89 * s, want: 0},
		{now: 99 * s, left: 80 * s, want: 0},
		{now: 99 * s, left: 100 * s, want: 10 * time.Second},
	} {
		if got := quietFor(test.now, 10*time.Second, test.left); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
