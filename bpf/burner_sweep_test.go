package bpf

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// needPeers skips a test of what a program sees of other CPUs.
func needPeers(t *testing.T) {
	t.Helper()
	if !isSince(release(), 5, 18) {
		t.Skip("this kernel lets no program look at other CPUs")
	}
}

// tickless has no tick: a CPU without one, or without high-resolution timers.
func tickless(t *testing.T, opts Options, process *bpftest.Process, nr int32, thresholdNs uint64) *Tracer {
	t.Helper()
	opts.Sample = map[Mode]int{ModeAccount: 1000}[opts.Mode]
	tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
	setThreshold(t, tracer, nr, thresholdNs)
	blindTo(t, tracer, "hrtimer_expire_entry")
	return tracer
}

// swept are the calls that a sweep finds open.
func swept(t *testing.T, tracer *Tracer, age time.Duration) []*SlowCall {
	t.Helper()
	if err := tracer.Sweep(age); err != nil {
		t.Fatal(err)
	}
	var open []*SlowCall
	for _, c := range slowCalls(t, tracer) {
		if c.Stuck {
			open = append(open, c)
		}
	}
	return open
}

// The sweep is the second net: without a tick it takes its own first look at a call that
// burns CPU for its beginning, and tells of it from the next one on. Where the thread is
// preempted between the two, it begins anew, or is known by that: then another call is made.
func TestASweepFindsACallThatBurnsCPUWithoutATick(t *testing.T) {
	needPeers(t)
	const attempts = 50
	for name, opts := range modes {
		if timesAll(opts) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for range attempts {
				if sweepFindsBurner(t, opts) {
					return
				}
			}
			t.Errorf("none of %d calls was found", attempts)
		})
	}
}

// sweepFindsBurner is true if two sweeps have found the call, open since the same moment.
func sweepFindsBurner(t *testing.T, opts Options) bool {
	t.Helper()
	process, _ := burner(t)
	tracer := tickless(t, opts, process, unix.SYS_PREADV, 3600e9)
	process.Poke()
	process.Hear()
	var open []*SlowCall
	for range 20 {
		open = append(open, swept(t, tracer, 0)...)
	}
	before, after := hearBracket(process)
	hearRunDelay(t, process)
	process.Finish()
	open = slices.DeleteFunc(open, func(c *SlowCall) bool { return !c.Tick }) // it was preempted before
	for _, c := range open {
		wantWithin(t, c, before, after)
		if c.Syscall != own(unix.SYS_PREADV) || int(c.TID) != process.PID() || c.Args[0] != 3 {
			t.Errorf("%+v; want the preadv of %d", c, process.PID())
		}
	}
	return len(open) > len(slices.CompactFunc(slices.Clone(open), func(a, b *SlowCall) bool { return a.StartNs == b.StartNs }))
}

// Calls that follow each other are not one, however like each other they are; nor are they the
// one before, which has waited.
func TestASweepDoesNotTakeShortCallsForOne(t *testing.T) {
	needPeers(t)
	for name, opts := range modes {
		if timesAll(opts) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			const size = 1 << 16 // long enough to be met in, nearly always
			p := bpftest.NewProgram()
			clock := p.Words(0, 0)
			process := p.Start(t, call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), call(unix.SYS_GETPPID).Times(40),
				call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, p.Words(0, 1e7)),
				call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, clock), call(unix.SYS_WRITE, 1, clock, 16),
				call(unix.SYS_PREAD64, 3, p.Put(make([]byte, size)), size, 0).Times(50_000), exit())
			tracer := tickless(t, opts, process, unix.SYS_PREAD64, 3600e9)
			process.Poke()
			slept := uint64(process.HearWord()) * 1e9
			slept += uint64(process.HearWord())
			for range 30 {
				for _, c := range swept(t, tracer, 0) {
					if c.Tick || c.StartNs < slept { // it may have been preempted, or sampled
						t.Errorf("since %d, the sleep was over at %d: %+v; want none, each call takes some microseconds", c.StartNs, slept, c)
					}
				}
			}
			process.Finish()
		})
	}
}
