package causes

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/test/foreground"
)

const causesPolicy = `[stuck]
after = "never"
[[rule]]
name = "disk"
syscalls = ["fsync"]
comms = ["caller"]
threshold = "10ms"
[[rule]]
name = "caller" # threshold: callerThreshold
syscalls = ["read", "flock", "futex", "lseek", "clock_nanosleep", "preadv", "getrandom"]
comms = ["caller"]
threshold = "5ms"
`

const callerThreshold = 5 * time.Millisecond

// Each call has one cause that we know, and how long it lasted: the record has to
// name it, with at least 95 % of that time.
func TestCauses(t *testing.T) { testCauses(t, account) }

// In mode watch too, where the kernel has what that needs.
func TestCausesInWatch(t *testing.T) {
	if !bpf.HasTaskWork() {
		t.Skip("this kernel has no BPF task work")
	}
	testCauses(t, watch)
}

// mode is one of the service's.
type mode struct {
	name   string
	starts []string // how the beginning of a call may be known

	// missed is how much CPU time a call that burns CPU may have had by then, and piece how
	// much of the threshold may have passed in short waits.
	missed time.Duration
	piece  float64
}

var (
	account = mode{name: "account", starts: []string{record.StartEntry}}
	watch   = mode{name: "watch", starts: []string{record.StartFirstBlock, record.StartTick}, missed: tick(), piece: 1.0 / bpf.PiecesOfThreshold}
)

// longWaitModes are those in which calls are judged that wait for long: where the kernel has
// what mode watch needs, that too.
func longWaitModes() []mode {
	if bpf.HasTaskWork() {
		return []mode{account, watch}
	}
	return []mode{account}
}

// tick is the period of the scheduler's: the coarse clocks go on with it.
func tick() time.Duration {
	var resolution unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &resolution); err != nil {
		panic(err)
	}
	return time.Duration(resolution.Nano())
}

// mayMiss says whether the call, which burns CPU, may be shorter than the threshold from where
// it is known on: from its first tick, for which it waits as long as it has no CPU.
func (m mode) mayMiss(call result) bool {
	return m.missed > 0 && call.ns() < int64(callerThreshold+m.missed)+call.RunDelayNs
}

func testCauses(t *testing.T, m mode) {
	needRoot(t)
	n := numberOf(t, causesVariable, causesDefault)
	longest := 200 * time.Millisecond
	if n > 20 {
		longest = 2 * time.Second
	}
	var unfound atomic.Uint64
	fuse, h := foreground.Build(t, "test/fusedelay"), newHost(t)
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyIn(m.name, h, causesPolicy))
	awaitWakers(t, s, m, h)
	t.Run("of", func(t *testing.T) {
		for i, c := range causes {
			t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				scene := &scene{T: t, host: h, dir: tempDir(t), fuse: fuse, random: rand.New(rand.NewPCG(4, uint64(i))), unfound: &unfound}
				if c.io {
					loadDisk(t, scene.dir)
				}
				c.run(scene, s, m, n, longest)
			})
		}
	})
	got := stop(t, s)
	if len(got.Incidents) > 0 {
		t.Errorf("%d incidents; each caller makes too few calls for one", len(got.Incidents))
	}
	if n := unfound.Load(); n > got.SwitchesMissed() {
		t.Errorf("%d calls have no record; the kernel left out %d events", n, got.SwitchesMissed())
	}
}

// awaitWakers makes slow calls until the service looks who ends their waits: mode watch does so from the first
// one on, of which it says that nobody looked.
func awaitWakers(t *testing.T, service *foreground.Service, m mode, h *host) {
	scene, unseen := &scene{T: t, host: h, dir: tempDir(t)}, 0
	for range 50 {
		call := scene.next().do(job{Op: "nanosleep", Ns: 50e6})
		r := service.Slow(call.TID, "clock_nanosleep", call.Before, call.After)
		switch {
		case r == nil || r.Wait == nil: // an event of the scheduler's was left out
		case r.Wait.WakerUnseen:
			unseen++
		case (unseen > 0) == (m.name == "watch"):
			return
		default:
			t.Fatalf("%d calls of mode %s say that nobody looked who ended their waits", unseen, m.name)
		}
	}
	t.Fatalf("nobody looks who wakes threads up; %d calls say so", unseen)
}

// run makes n calls, of random durations: short ones as often as long ones.
func (c cause) run(s *scene, service *foreground.Service, m mode, n int, longest time.Duration) {
	const shortest = 20 * time.Millisecond
	if c.most != 0 {
		longest = min(longest, c.most)
	}
	tally := tally{least: math.Inf(1)}
	// A scheduler that has others to run now and then spoils a call of its own accord:
	// another one is made in its place.
	for i := 0; i-tally.skipped < n; i++ {
		if i == 5*n {
			s.Fatalf("%d of %d calls could not be made as they should", tally.skipped, i)
		}
		factor := math.Pow(float64(longest)/float64(shortest), s.random.Float64())
		in := c.inject(s, i, time.Duration(float64(shortest)*factor))
		if in.skip {
			tally.skipped++
			continue
		}
		r := service.Slow(in.call.TID, c.syscall, in.call.Before, in.call.After)
		if r == nil && c.onCPU && m.mayMiss(in.call) {
			tally.skipped++
			continue
		}
		if r != nil && c.syscall == "futex" && r.Syscall.Args[1] != "0x0" {
			tally.skipped++ // not the shared FUTEX_WAIT: the Go runtime's own, between the clock and the call
			continue
		}
		if r == nil && m.name == "watch" {
			s.unfound.Add(1)
			tally.skipped++ // judged when the kernel's own losses are known
			continue
		}
		if r == nil {
			s.Errorf("call %d: no record of %s by %d, which took up to %v", i, c.syscall, in.call.TID, time.Duration(in.call.ns()))
			continue
		}
		c.judge(s, m, i, in, r, &tally)
	}
	s.Logf("%d calls, %d skipped: the cause has at least %.3f of the injected time; durations %v to %v; up to %v of run queue from others; up to %v missing unexplained; sites %v",
		tally.calls, tally.skipped, tally.least, tally.shortest, tally.longest, tally.runqueue, tally.excess, tally.sites)
	if tally.odd != "" {
		s.Logf("without a site: %s", tally.odd)
	}
}

// tally is what the records of one cause have shown.
type tally struct {
	calls, skipped    int
	unseen            int // calls with time that the kernel tells of in neither way
	least             float64
	shortest, longest time.Duration
	runqueue          time.Duration
	excess            time.Duration // what of a bracket was missing beyond what the scheduler tells of
	sites             map[string]int
	odd               string
}

// mayBeUnseen: the kernel leaves out an event of the scheduler now and then (bpf/running.h), and a
// hypervisor may take the CPU away: one call, and one in a hundred, may show it. Each is logged.
func (t *tally) mayBeUnseen() bool {
	if t.unseen >= 1+t.calls/100 {
		return false
	}
	t.unseen++
	return true
}

// judge holds a record against what was injected.
func (c cause) judge(s *scene, m mode, i int, in injection, r *record.Slow, tally *tally) {
	w := r.Wait
	complain := func(format string, args ...any) {
		s.Helper()
		s.Errorf("call %d: "+format+": %s %+v %v", append(append([]any{i}, args...), r.Msg, w, r.KernelStack)...)
	}
	if !slices.Contains(m.starts, r.Start) || r.Monotonic.StartNs < in.call.Before || r.Monotonic.EndNs > in.call.After ||
		r.DurationNs != r.Monotonic.EndNs-r.Monotonic.StartNs {
		complain("start %s, from %d to %d; the caller's bracket is %d to %d", r.Start, r.Monotonic.StartNs, r.Monotonic.EndNs, in.call.Before, in.call.After)
	}
	if r.Systemd.Unit != s.unit || r.Process.Comm != "caller" || r.Syscall.Ret != in.call.Ret {
		complain("unit %s, comm %s, result %d; want %s, caller, %d", r.Systemd.Unit, r.Process.Comm, r.Syscall.Ret, s.unit, in.call.Ret)
	}
	if w == nil {
		complain("no waits")
		return
	}
	if sum := w.CPUNs + w.RunqueueNs + w.IOWaitNs + w.SleepNs; sum != r.DurationNs {
		complain("the times add up to %d; it took %d", sum, r.DurationNs)
	}
	c.judgeBracket(s, m, in, r, tally, complain)
	share := c.share(w)
	if in.until != nil {
		in.ns = in.until(r.Monotonic.EndNs)
		if in.ns < int64(5*time.Millisecond) { // the scheduler gave the injector's CPU to others at once
			tally.skipped++
			return
		}
	}
	want := float64(in.ns)
	if c.io {
		want = float64(r.DurationNs-w.RunqueueNs) - float64(in.call.CPUNs) // as the caller has measured it
	}
	if c.onCPU {
		want -= float64(m.missed)
	}
	// How long a thread has run that came to the CPU unseen is known to a tick (end_unseen_wait()).
	tick := float64(tick())
	ratio := float64(share) / want
	if missing := want - float64(share); want > 0 && ratio < 0.95 && !(c.io && missing < stolen) {
		if c.onCPU && missing <= tick && float64(w.RunqueueNs) >= missing && tally.mayBeUnseen() {
			s.Logf("call %d: %.0f ns of the injected %.0f are taken for run queue, as nobody saw the thread come back to the CPU: %s", i, missing, want, r.Msg)
			return
		}
		if !c.onCPU && float64(w.CPUNs)-float64(in.call.CPUNs) >= 0.9*missing && tally.mayBeUnseen() {
			s.Logf("call %d: %.0f ns of the injected %.0f were neither seen to be off the CPU nor spent on it, says the kernel: %s", i, missing, want, r.Msg)
			return
		}
		complain("the cause has %d ns, %.3f of the injected %.0f", share, ratio, want)
	}
	if c.io && share < max(w.CPUNs, w.SleepNs) {
		complain("the cause has %d ns: it is not the largest", share)
	}
	if c.name == "hog after sleep" && w.Class == "CPU" && w.InvoluntarySwitches > 0 {
		tally.add(r, float64(share)/want, w)
		return // preempted once more, and longer than it slept: that is then what the site is about
	}
	if c.sites != nil && !c.onCPU && len(r.KernelStack) == 0 && tally.mayBeUnseen() {
		s.Logf("call %d: nobody saw the thread come back to the CPU, so that its wait has no stack: %s", i, r.Msg)
		return
	}
	if c.classes != nil && !slices.Contains(c.classes, w.Class) {
		complain("class %q; want one of %q", w.Class, c.classes)
	}
	if c.sites != nil && !slices.ContainsFunc(c.sites, func(part string) bool { return strings.Contains(w.Site, part) }) {
		complain("site %q; want one of %q", w.Site, c.sites)
	}
	if in.waker != 0 && int(w.Waker.PID) != in.waker {
		complain("waker %+v; want process %d", w.Waker, in.waker)
	}
	if in.blocker != 0 && int(w.Blocker.TID) != in.blocker {
		complain("blocker %+v; want thread %d", w.Blocker, in.blocker)
	}
	if in.more != nil {
		in.more(w)
	}
	tally.add(r, float64(share)/want, w)
}

// stolen: a hypervisor that takes the CPU away for a moment is not seen. That counts as CPU time.
const stolen = 2e6

// judgeBracket: what the record lacks of its caller's bracket.
func (c cause) judgeBracket(s *scene, m mode, in injection, r *record.Slow, tally *tally, complain func(string, ...any)) {
	s.Helper()
	lacks, most := in.call.ns()-int64(r.DurationNs), c.mayLack(m, in.call, r)+heldOutside(in, r)
	tally.excess = max(tally.excess, time.Duration(lacks-most))
	switch {
	case lacks <= most+stolen:
	case tally.mayBeUnseen():
		s.Logf("%d ns of the caller's bracket are missing, where the scheduler tells of %d: %s", lacks, most, r.Msg)
	default:
		complain("%d ns of the caller's bracket are missing; want %d at most", lacks, most)
	}
}

// heldOutside: a thread whose quota is used up leaves the CPU on its way back to user mode, when its
// call has ended, and is on no run queue then (throttle_cfs_rq_work() in kernel/sched/fair.c). So it
// may lose the rest of a period before the call, and after it.
func heldOutside(in injection, r *record.Slow) int64 {
	held := max(0, int64(in.held)-int64(r.Wait.ThrottledNs))
	return min(held, 2*int64(quotaPeriod))
}

// mayLack: time on the run queue before and after, which the caller has from the scheduler. And
// of a call that waits, the CPU time before its first wait, and what mode watch leaves out of
// short ones; of one that burns CPU, a tick, and what a hypervisor took from it: that is in
// neither of the scheduler's sums.
func (c cause) mayLack(m mode, call result, r *record.Slow) int64 {
	queued := max(0, call.RunDelayNs-int64(r.Wait.RunqueueNs))
	if c.onCPU {
		return queued + int64(m.missed) + max(0, call.ns()-call.CPUNs-call.RunDelayNs)
	}
	return queued + max(0, call.CPUNs-int64(r.Wait.CPUNs)) + int64(m.piece*float64(r.ThresholdNs))
}

func (t *tally) add(r *record.Slow, ratio float64, w *record.Wait) {
	if t.sites == nil {
		t.sites = map[string]int{}
	}
	t.calls++
	t.least = min(t.least, ratio)
	took := time.Duration(r.DurationNs)
	if t.shortest == 0 || took < t.shortest {
		t.shortest = took
	}
	t.longest = max(t.longest, took)
	t.runqueue = max(t.runqueue, time.Duration(w.RunqueueNs))
	t.sites[w.Site+" ("+w.Class+")"]++
	if w.Site == "" {
		t.odd = r.Msg + fmt.Sprintf(" %+v %v", w, r.KernelStack)
	}
}

// loadDisk writes until the test ends.
func loadDisk(t *testing.T, dir string) {
	quit := make(chan struct{})
	var writers sync.WaitGroup
	for _, flag := range []string{"conv=fsync", "oflag=direct"} {
		writers.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				cmd := exec.Command("dd", "if=/dev/zero", "of="+dir+"/load-"+flag, "bs=1M", "count=64", flag)
				cmd.Env = append(os.Environ(), "LC_ALL=C")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("dd: %v: %s", err, out)
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		close(quit)
		writers.Wait()
	})
}
