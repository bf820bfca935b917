package bpf

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// timed are the calls of a syscall whose time was taken; the histogram has all
// of them.
func timed(t *testing.T, tracer *watched, sc Syscall) (n uint64) {
	t.Helper()
	err := tracer.EachRow(tracer.Interval(), func(key RowKey, row Row) {
		if key.Syscall != sc {
			return
		}
		n += row.Timed
		var inHistogram uint64
		for _, slot := range row.Histogram {
			inHistogram += uint64(slot)
		}
		if inHistogram != row.Timed {
			t.Errorf("%v: %d calls in the histogram, %d timed", key, inHistogram, row.Timed)
		}
		if row.Timed > 0 && (row.MinNs > row.MaxNs || row.TotalNs < row.Timed*row.MinNs || row.TotalNs > row.Timed*row.MaxNs) {
			t.Errorf("%v: %d calls of %d to %d ns took %d ns in all", key, row.Timed, row.MinNs, row.MaxNs, row.TotalNs)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The gaps between timed calls are uniform in 1 to 2N-1: their mean is N, their
// variance ((2N-1)^2-1)/12, and so that of their number in n calls is n times
// this over N^3 (the renewal theorem).
func TestSampleTimesOneInN(t *testing.T) {
	n := loadCalls(t) / 10
	r := newRig(t)
	for _, sample := range []int{0, 2, 16, 100} {
		t.Run(fmt.Sprint(sample), func(t *testing.T) {
			process := bpftest.NewProgram().Start(t, call(unix.SYS_GETSID, 0).Times(n), exit())
			tracer := r.watch(t, Options{Sample: sample}, process)
			process.Poke()
			process.Finish()
			wantCalls(t, tracer, calls{own(unix.SYS_GETSID): {uint64(n), 0}})
			mean := float64(max(sample, 1))
			variance := ((2*mean-1)*(2*mean-1) - 1) / 12
			wantTimed(t, tracer, float64(n)/mean, math.Sqrt(float64(n)*variance/(mean*mean*mean)))
		})
	}
}

// A loop of as many calls as the gaps' mean does not fall into step with them:
// each of its syscalls has its share. The gaps are spread over two turns of the
// loop, so that the turns are nearly independent.
func TestSampleIsFairInALoop(t *testing.T) {
	n := loadCalls(t) / 20
	process := bpftest.NewProgram().Start(t, call(unix.SYS_GETSID, 0), call(unix.SYS_GETPPID).Times(15), bpftest.Loop(2, n), exit())
	tracer := newRig(t).watch(t, Options{Sample: 16}, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_GETSID): {uint64(n), 0}, own(unix.SYS_GETPPID): {15 * uint64(n), 0}})
	wantTimed(t, tracer, float64(n)/16, math.Sqrt(float64(n)/16))
}

// wantTimed wants so many calls of getsid timed, within 5 standard deviations.
func wantTimed(t *testing.T, tracer *watched, want, sigma float64) {
	t.Helper()
	got := float64(timed(t, tracer, own(unix.SYS_GETSID)))
	if math.Abs(got-want) > 5*sigma+float64(tracer.skipped(t)) {
		t.Errorf("%.0f calls timed; want %.0f within 5 times %.1f", got, want, sigma)
	}
}
