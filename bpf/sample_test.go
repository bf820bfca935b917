package bpf_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/agent/ledger"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
)

const (
	sampleRuns = 50
	oneIn      = 16

	// How many of the runs may miss a figure by more than two of its standard
	// errors: 5 % of them should, and more than 10 of 50 then do so in one test of
	// 30,000. None may miss it by more than five.
	mostOutside = 10
	farOutside  = 5
)

// Sampled rows against exact ones of the same calls, in 50 runs with seeds: counts
// and errors are equal, and the scaled totals and quantiles are as near as they
// should be with so many timed calls.
//
// Two tracers do not measure the same duration of a call: what one of them does
// lies between the two clocks of the other. That makes about 0.1 us, which is a
// hundredth of the spread of the calls that are compared. Of short ones, getppid
// and openat here, it would hide the error in question, so that of these only the
// counts are compared.
func TestSampledRowsAreNearTheExactOnes(t *testing.T) {
	exact, sampled := startSampling(t, 1), startSampling(t, oneIn)
	misses, stalled := map[figure][]float64{}, uint64(0)
	for seed := range runs(t) {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			d := newDraw(seed+1, callsOfRun(t))
			process := d.start(t, exact.Tracer, sampled.Tracer)
			process.Poke()
			process.Finish()
			missing := max(wantLines(t, d.want, exact, process.PID()), wantLines(t, d.want, sampled, process.PID()))
			if missing > mostMissing {
				t.Logf("the kernel skipped %.0f %% of the calls of a syscall: their times are not compared", 100*missing)
				return
			}
			if nr, ok := stalledBetween(linesOf(t, exact, process.PID()), linesOf(t, sampled, process.PID())); ok {
				stalled++
				t.Logf("call %d: the machine stood still between the clocks of the two: their times are not compared", nr)
				return
			}
			for _, f := range figures {
				miss := f.missOf(linesOf(t, exact, process.PID()), linesOf(t, sampled, process.PID()))
				misses[f] = append(misses[f], miss)
			}
		})
	}
	if stalled > runs(t)/10 {
		t.Errorf("in %d of %d runs a sampled call took twice as long as the longest of all; want a tenth of them at most", stalled, runs(t))
	}
	for _, f := range figures {
		if len(misses[f]) < int(runs(t))/2 {
			t.Fatalf("%v: %d runs to compare of %d; want half of them", f, len(misses[f]), runs(t))
		}
		f.check(t, misses[f])
	}
}

// runs are fewer where calls are dear: 10 of 50 outside are as many as 5 of 10.
func runs(t *testing.T) uint64 {
	if callsOfRun(t) < 10_000 {
		return sampleRuns / 5
	}
	return sampleRuns
}

// callsOfRun is about how many calls a run makes: with fewer, a syscall has too few
// timed ones to say anything of their spread.
func callsOfRun(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("SYSCOUNT_TEST_CALLS")
	if !ok {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SYSCOUNT_TEST_CALLS=%q: want a number of calls", text)
	}
	return min(max(n/200, 2000), 10_000)
}

// sampling is a tracer that stays attached through all runs: each run sets its
// filter to a process of its own.
type sampling struct {
	*bpf.Tracer
	skipped uint64 // runs of programs that the kernel has skipped, up to the last look
}

func startSampling(t *testing.T, sample int) *sampling {
	t.Helper()
	tracer, err := bpf.Load(bpf.Options{GroupBy: bpf.GroupByProcess, Sample: sample, Rows: 8192})
	if err != nil {
		t.Fatalf("load: %+v", err)
	}
	t.Cleanup(func() {
		if err := tracer.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := errors.Join(observe(tracer, os.Getpid()), tracer.Attach()); err != nil {
		t.Fatal(err)
	}
	return &sampling{Tracer: tracer}
}

// observe makes a process all that is observed. Ourselves, who are never: nobody.
func observe(tracer *bpf.Tracer, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return tracer.SetFilter(bpf.Filter{PIDFDs: []int{fd}})
}

// draw is a load that is drawn from a seed, with its known answer.
type draw struct {
	*bpftest.Program
	random  *rand.Rand
	missing uintptr // a path
	steps   []bpftest.Step
	want    map[int32]bpftest.Tally
}

// Where the load reads to: more than a program should have in its file.
const (
	area      = 0x40000000
	areaBytes = 1 << 20
)

func newDraw(seed uint64, calls int) *draw {
	p := bpftest.NewProgram()
	d := &draw{Program: p, random: rand.New(rand.NewPCG(seed, oneIn)), missing: p.Text("/nonexistent/syscountd"), want: map[int32]bpftest.Tally{}}
	for range calls {
		d.call()
	}
	return d
}

// call draws one call: a read or a getrandom of a random size, all magnitudes
// alike, or a short one; and some fail.
func (d *draw) call() {
	switch n := d.random.IntN(20); {
	case n < 8:
		d.add(false, unix.SYS_READ, 3, area, d.size(areaBytes))
	case n < 9:
		d.add(true, unix.SYS_READ, 1<<20, area, 1)
	case n < 14:
		d.add(false, unix.SYS_GETRANDOM, area, d.size(64<<10), 0)
	case n < 15:
		d.add(true, unix.SYS_GETRANDOM, area, 1, 1<<20)
	case n < 18:
		d.add(false, unix.SYS_GETPPID)
	default:
		d.add(true, unix.SYS_OPENAT, 0, d.missing, 0)
	}
}

func (d *draw) add(fails bool, nr uintptr, args ...uintptr) {
	d.steps = append(d.steps, bpftest.Call(nr, args...))
	tally := d.want[int32(nr)]
	tally.Calls++
	if fails {
		tally.Errors++
	}
	d.want[int32(nr)] = tally
}

// size draws from the hundred-and-twenty-eighth part of the largest size to that.
func (d *draw) size(largest float64) uintptr {
	return uintptr(largest * math.Exp2(-7*d.random.Float64()))
}

// start starts the process and has it observed from its first drawn call on. Before
// that it gets the memory that it reads to, and takes a priority at which nobody
// interrupts its calls for milliseconds: where that is refused the error is larger,
// and its spread too.
func (d *draw) start(t *testing.T, tracers ...*bpf.Tracer) *bpftest.Process {
	t.Helper()
	const fifo = 1 // SCHED_FIFO (sched(7))
	refused := d.Words(0)
	steps := []bpftest.Step{
		bpftest.Call(unix.SYS_SCHED_SETSCHEDULER, 0, fifo, d.Words(1)).Into(refused),
		bpftest.Call(unix.SYS_OPENAT, 0, d.Text("/dev/zero"), 0),
		bpftest.Call(unix.SYS_MMAP, area, areaBytes, unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED, ^uintptr(0), 0),
		bpftest.Call(unix.SYS_READ, 3, area, areaBytes),
		bpftest.Call(unix.SYS_WRITE, 1, refused, 8),
		bpftest.Call(unix.SYS_READ, 0, area, 1),
	}
	process := d.Start(t, append(append(steps, d.steps...), bpftest.Call(unix.SYS_EXIT_GROUP, 0))...)
	process.Poke()
	if errno := process.HearWord(); errno != 0 {
		t.Logf("no real-time priority: %v", unix.Errno(-errno))
	}
	process.AwaitStates("S")
	for _, tracer := range tracers {
		if err := observe(tracer, process.PID()); err != nil {
			t.Fatal(err)
		}
	}
	return process
}

// linesOf are the lines of a process, by number.
func linesOf(t *testing.T, tracer *sampling, pid int) map[int32]*ledger.Line {
	t.Helper()
	rows := ledger.New()
	err := tracer.EachRow(tracer.Interval(), func(key bpf.RowKey, row bpf.Row) {
		if int(key.PID) == pid {
			rows.Post(key.Group, key, row)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := map[int32]*ledger.Line{}
	for _, line := range rows.Lines() {
		lines[line.Syscall.Nr] = line
	}
	return lines
}

// mostMissing is the part of the calls of a syscall that may be missing where times are compared.
const mostMissing = 0.01

// wantLines wants exactly these calls and errors. Since Linux 7.2 the kernel may
// skip programs, all of a CPU while one is preempted there: so many calls may be
// missing. It gives the largest part of a syscall's that is.
func wantLines(t *testing.T, want map[int32]bpftest.Tally, tracer *sampling, pid int) (missing float64) {
	t.Helper()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	skipped := c.RecursionMisses - tracer.skipped
	tracer.skipped = c.RecursionMisses
	lines := linesOf(t, tracer, pid)
	for nr, w := range want {
		line := cmp.Or(lines[nr], &ledger.Line{})
		if line.Count > w.Calls || line.Count+skipped < w.Calls || line.Errors > w.Errors || line.Errors+skipped < w.Errors {
			t.Errorf("call %d: %d calls, %d errors; want %+v, with %d runs skipped", nr, line.Count, line.Errors, w, skipped)
		}
		missing = max(missing, 1-float64(line.Count)/float64(w.Calls))
	}
	for nr := range lines {
		if want[nr].Calls == 0 {
			t.Errorf("a row of call %d; want none", nr)
		}
	}
	return missing
}

// stalledBetween tells of a syscall whose longest sampled call took twice as long as the longest of all. All are in the
// exact row, and what the two tracers do between each other's clocks is far less: it was the machine, emulated or
// another's for a while, and counts 16 times.
func stalledBetween(exact, sampled map[int32]*ledger.Line) (nr int32, ok bool) {
	for _, f := range figures {
		if longestOf(sampled[f.nr]) > 2*longestOf(exact[f.nr]) {
			return f.nr, true
		}
	}
	return 0, false
}

func longestOf(line *ledger.Line) uint64 {
	var h histogram.Histogram
	line.Histogram(&h)
	_, maxNs := line.Extremes(&h)
	return maxNs
}

// figure is one that is compared: a total (quantile 0) or a quantile of a syscall.
type figure struct {
	nr       int32
	quantile float64
}

var figures = []figure{
	{unix.SYS_READ, 0}, {unix.SYS_READ, 0.5}, {unix.SYS_READ, 0.9}, {unix.SYS_READ, 0.99},
	{unix.SYS_GETRANDOM, 0}, {unix.SYS_GETRANDOM, 0.5}, {unix.SYS_GETRANDOM, 0.9}, {unix.SYS_GETRANDOM, 0.99},
}

func (f figure) String() string {
	if f.quantile == 0 {
		return fmt.Sprintf("total of call %d", f.nr)
	}
	return fmt.Sprintf("p%g of call %d", 100*f.quantile, f.nr)
}

// missOf compares a figure of a run, in units of its standard error; it scales the
// line of the sampled calls.
func (f figure) missOf(exact, sampled map[int32]*ledger.Line) float64 {
	scaled := sampled[f.nr]
	timed := float64(scaled.Timed)
	ledger.Lines{scaled}.Scale()
	if f.quantile == 0 {
		return missOfTotal(exact[f.nr], scaled, timed)
	}
	return missOfQuantile(exact[f.nr], scaled, timed, f.quantile)
}

// missOfTotal: the standard error of a mean is the spread over the root of the
// number, and that of the total is as many times this as there are calls.
func missOfTotal(exact, scaled *ledger.Line, timed float64) float64 {
	standardError := spreadOf(exact) / math.Sqrt(timed) * float64(exact.Count)
	return math.Abs(float64(scaled.TotalNs)-float64(exact.TotalNs)) / standardError
}

// spreadOf is the standard deviation of the durations, each taken as the middle of
// its bucket.
func spreadOf(line *ledger.Line) float64 {
	var h histogram.Histogram
	line.Histogram(&h)
	minNs, maxNs := line.Extremes(&h)
	var sum, squares float64
	for slot, n := range h {
		if n == 0 {
			continue
		}
		var bucket histogram.Histogram
		bucket[slot] = n
		middle := float64(bucket.Quantile(0.5, minNs, maxNs))
		sum += float64(n) * middle
		squares += float64(n) * middle * middle
	}
	mean := sum / float64(line.Count)
	return math.Sqrt(squares/float64(line.Count) - mean*mean)
}

// missOfQuantile: the quantile of a sample is the exact one of another rank, whose
// standard error is that of a share, sqrt(q(1-q)/n), at the rank where it really
// is (Wilson's: near 1, which nothing can exceed, the sample's own rank would give
// too small an error). A duration is known as its bucket only, which stands for all
// ranks in it; the nearest counts.
func missOfQuantile(exact, scaled *ledger.Line, timed, q float64) float64 {
	var e, s histogram.Histogram
	exact.Histogram(&e)
	scaled.Histogram(&s)
	minNs, maxNs := scaled.Extremes(&s)
	slot := histogram.Slot(s.Quantile(q, minNs, maxNs))
	var below uint64
	for _, n := range e[:slot] {
		below += n
	}
	first, last := float64(below)/float64(e.Count()), float64(below+e[slot])/float64(e.Count())
	rank := min(max(q, first), last)
	half := 0.5 / timed // of a timed call: no sample tells ranks nearer to 0 and 1
	at := min(max(rank, half), 1-half)
	return math.Abs(rank-q) / math.Sqrt(at*(1-at)/timed)
}

func (f figure) check(t *testing.T, misses []float64) {
	t.Helper()
	outside, worst, squares := 0, 0.0, 0.0
	for _, miss := range misses {
		if miss > 2 {
			outside++
		}
		worst = max(worst, miss)
		squares += miss * miss
	}
	t.Logf("%v: of %d runs %d miss it by over 2 standard errors, the worst by %.1f, all by %.2f (root mean square)",
		f, len(misses), outside, worst, math.Sqrt(squares/float64(len(misses))))
	most := mostOutside
	if len(misses) < sampleRuns {
		most = mostOutside / 2 // one test in 15,000
	}
	if outside > most || worst > farOutside {
		t.Errorf("%v: of %d runs %d miss it by over 2 standard errors, the worst by %.1f; want at most %d, and %d",
			f, len(misses), outside, worst, most, farOutside)
	}
}
