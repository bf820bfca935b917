//go:build outside

package budget

import (
	"math"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/test/foreground"
)

// The cost that the service tells agrees with what a loop of another process, this one, sees: the median of
// interleaved pairs with and without the service. It has to be asked for: it is about nanoseconds, and a
// host that does anything else spoils it.
func TestTheCostIsWhatALoopSees(t *testing.T) {
	needRoot(t)
	binary := foreground.Build(t, "cmd/syscountd")
	for _, mode := range []struct {
		name   string
		sample int
	}{{"account", 1}, {"account", 16}, {"count", 1}} {
		const pairs = 7
		var outside, told []float64
		for range pairs {
			without := callNs()
			s := start(t, binary, mode.name, mode.sample, time.Second, "2%")
			s.Await("interval", func(r *foreground.Records) bool { return len(r.Intervals) > 0 })
			with := callNs()
			outside = append(outside, with-without)
			all := s.Stop()
			told = append(told, float64(all.Intervals[0].Cost.CallNs))
		}
		out, in := median(outside), median(told)
		t.Logf("%s sample %d: a call takes %.0f ns longer, and %.0f by the service (%+.0f %%); outside %.0f, told %.0f",
			mode.name, mode.sample, out, in, 100*(in/out-1), outside, told)
		if math.Abs(in/out-1) > 0.25 {
			t.Errorf("%s sample %d: %.0f ns by the service, %.0f by a loop; want them within 25 %%", mode.name, mode.sample, in, out)
		}
	}
}

// callNs is what a call takes, undisturbed: the first decile of loops that are shorter than a thread's turn.
func callNs() float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const calls, loops = 5000, 1000
	took := make([]float64, loops)
	for i := range took {
		began := time.Now()
		for range calls {
			_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		}
		took[i] = float64(time.Since(began).Nanoseconds()) / calls
	}
	slices.Sort(took)
	return took[loops/10]
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
