package bpf

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// burner is a process with a call that burns CPU, for 60 ms or more: 2 GB are the
// most that a call reads. It says a byte before, then its bracket, then what it knows of
// its time on the run queue.
func burner(t *testing.T) (*bpftest.Process, int64) {
	t.Helper()
	p := bpftest.NewProgram()
	begin, burn, bytes := burning(p, 250)
	return p.Start(t, append(append(begin, queued(p, 4, bracketed(p, burn)...)...), exit())...), bytes
}

// burning are the beginning of a process, which ends with a byte that it says, and a call that burns CPU: about 0.25 ms
// for each vector on the machine of these tests. It reads so many bytes.
func burning(p *bpftest.Program, vectors int) (begin []bpftest.Step, burn bpftest.Step, bytes int64) {
	const size, at = 1 << 23, 0x40000000
	var iovecs []uintptr
	for range vectors {
		iovecs = append(iovecs, at, size)
	}
	begin = []bpftest.Step{
		call(unix.SYS_MMAP, at, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED, ^uintptr(0), 0),
		call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), 0), call(unix.SYS_GETPPID).Times(40), call(unix.SYS_WRITE, 1, p.Words(0), 1),
	}
	return begin, call(unix.SYS_PREADV, 3, p.Words(iovecs...), uintptr(vectors), 0, 0), int64(vectors) * size
}

// queued are steps with a look at the thread's time on the run queue before and after them;
// the process says both at their end. The file with it gets this descriptor, the next one.
func queued(p *bpftest.Program, fd uintptr, steps ...bpftest.Step) []bpftest.Step {
	before, after := p.Put(make([]byte, statBytes)), p.Put(make([]byte, statBytes))
	stat := func(into uintptr) bpftest.Step { return call(unix.SYS_PREAD64, fd, into, statBytes, 0) }
	all := append([]bpftest.Step{call(unix.SYS_OPENAT, 0, p.Text("/proc/self/schedstat"), 0), stat(before)}, steps...)
	return append(all, stat(after), call(unix.SYS_WRITE, 1, before, statBytes), call(unix.SYS_WRITE, 1, after, statBytes))
}

// statBytes is room for a line of schedstat.
const statBytes = 64

// hearRunDelay is how long a process has waited for a CPU in queued steps, in ns.
func hearRunDelay(t *testing.T, process *bpftest.Process) uint64 {
	t.Helper()
	before, after := hearStat(t, process), hearStat(t, process)
	return after - before
}

// hearStat is the time on the run queue in a line of /proc/PID/schedstat.
func hearStat(t *testing.T, process *bpftest.Process) uint64 {
	t.Helper()
	var line []byte
	for range statBytes / 8 {
		line = binary.LittleEndian.AppendUint64(line, uint64(process.HearWord()))
	}
	fields := strings.Fields(strings.TrimRight(string(line), "\x00"))
	if len(fields) != 3 {
		t.Fatalf("schedstat is %q; want three numbers", line)
	}
	ns, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// tickNs is the period of the scheduler's tick: the coarse clocks go on with it.
func tickNs(t *testing.T) uint64 {
	t.Helper()
	var resolution unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &resolution); err != nil {
		t.Fatal(err)
	}
	return uint64(resolution.Nano())
}

// A call that never waits is found by the tick, in every mode that does not know its
// beginning: by the first one in it. A hypervisor may hold that up, which nothing tells: then
// another call is made.
func TestACallThatBurnsCPUBeginsWithATick(t *testing.T) {
	const attempts = 5
	for name, opts := range findingModes() {
		if timesAll(opts) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			opts = withoutLists(opts)
			opts.Sample = map[Mode]int{ModeAccount: 1000}[opts.Mode]
			for range attempts {
				if burnsFromATick(t, opts) {
					return
				}
			}
			t.Errorf("none of %d calls was found within a tick", attempts)
		})
	}
}

// burnsFromATick is false if more of the call is missing than one tick, and the time on the
// run queue that was over by then.
func burnsFromATick(t *testing.T, opts Options) bool {
	t.Helper()
	process, bytes := burner(t)
	tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
	setThreshold(t, tracer, unix.SYS_PREADV, 30e6)
	process.Poke()
	process.Hear()
	before, after := hearBracket(process)
	delay := hearRunDelay(t, process)
	process.Finish()
	if after-before < 50e6 {
		t.Fatalf("the call took %d ns only: nothing to test", after-before)
	}
	calls := slowCalls(t, tracer)
	if len(calls) == 0 && gaps(t, tracer) {
		return true
	}
	if len(calls) != 1 {
		t.Fatalf("%d slow calls; want 1 of %d ns", len(calls), after-before)
	}
	c, w := calls[0], wantWaits(t, calls[0])
	wantWithin(t, c, before, after)
	if !c.Tick && !c.FirstBlock || c.Ret != bytes || w.CPUNs < 10e6 {
		t.Errorf("tick %v, first block %v, ret %d, %+v; want one of the two, %d bytes, and CPU time", c.Tick, c.FirstBlock, c.Ret, w, bytes)
	}
	lost, most := after-before-c.DurationNs(), tickNs(t)+delay-min(delay, w.RunqueueNs)
	if lost > most {
		t.Logf("%d ns of %d are missing; want a tick, and %d ns of run queue before it: %d at most", lost, after-before, delay, most)
	}
	return lost <= most
}

// Calls of a few ticks, which are over before their thread leaves the CPU: all calls of a thread go the short way to
// their ends, but for those of which a tick has told.
func TestCallsOfAFewTicksAreFound(t *testing.T) {
	const burns = 12
	for name, opts := range findingModes() {
		if timesAll(opts) || opts.Mode == ModeWatch { // which has no short way
			continue
		}
		t.Run(name, func(t *testing.T) {
			opts = withoutLists(opts)
			opts.Sample = map[Mode]int{ModeAccount: 1000}[opts.Mode]
			p := bpftest.NewProgram()
			begin, burn, _ := burning(p, 50)
			process := p.Start(t, append(begin, burn.Times(burns), call(unix.SYS_WRITE, 1, p.Words(0), 1), exit())...)
			tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
			setThreshold(t, tracer, unix.SYS_PREADV, 1e6)
			process.Poke()
			process.Hear()
			process.Hear()
			process.Finish()
			found := 0
			for _, c := range slowCalls(t, tracer) {
				if c.Tick {
					found++
				}
			}
			if found < burns/2 && !gaps(t, tracer) {
				t.Errorf("a tick has found %d of %d calls", found, burns)
			}
		})
	}
}
