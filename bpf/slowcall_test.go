package bpf

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// slowFrom observes a child with one threshold for all calls of one number.
func slowFrom(t *testing.T, child *bpftest.Child, nr int32, thresholdNs uint64) *Tracer {
	t.Helper()
	tracer := running(t, Options{GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfd(t, child)}})
	setThreshold(t, tracer, nr, thresholdNs)
	return tracer
}

func setThreshold(t *testing.T, tracer *Tracer, nr int32, thresholdNs uint64) {
	t.Helper()
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		s := Setting{Traits: TraitObserved, ThresholdNs: Never}
		if sc == (Syscall{parts[0].abi, nr}) {
			s.ThresholdNs = thresholdNs
			s.Traits |= map[int32]Trait{unix.SYS_READ: TraitFDFirst, unix.SYS_OPENAT: TraitFDResult}[nr]
		}
		return s
	})
	if err != nil {
		t.Fatal(err)
	}
}

// slowCalls are those handed over until now.
func slowCalls(t *testing.T, tracer *Tracer) (calls []*SlowCall) {
	t.Helper()
	if err := tracer.FlushSlow(); err != nil {
		t.Fatal(err)
	}
	for {
		call, err := tracer.NextSlow()
		if errors.Is(err, ErrFlushed) {
			return calls
		}
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
}

func TestASlowCallIsHandedOverWithItsBracket(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{PipeReadNs: 60e6, Getppid: 100})
	tracer := slowFrom(t, child, unix.SYS_READ, 20e6)
	report := child.Run()
	var call *SlowCall
	for _, c := range slowCalls(t, tracer) {
		if int(c.TID) == report.TID {
			call = c
		}
	}
	if call == nil && gaps(t, tracer) {
		return
	}
	if call == nil {
		t.Fatal("the slow read was not handed over")
	}
	if call.StartNs < report.BeforeNs || call.EndNs > report.AfterNs || 2*call.DurationNs() < report.AfterNs-report.BeforeNs {
		t.Errorf("from %d to %d; the caller's bracket is %d to %d", call.StartNs, call.EndNs, report.BeforeNs, report.AfterNs)
	}
	if call.Nr != unix.SYS_READ || call.Ret != 1 || call.FDKind.String() != "pipe" {
		t.Errorf("nr %d, ret %d, kind %q; want %d, 1, pipe", call.Nr, call.Ret, call.FDKind, unix.SYS_READ)
	}
	if len(call.Args) != 6 || call.Args[0] != uint64(report.FD) || call.Args[2] != 1 {
		t.Errorf("args %#x; want fd %d, 1 byte", call.Args, report.FD)
	}
	if int(call.PID) != child.PID() || int(call.Parent) != unix.Getpid() || call.UID != 0 || call.Comm != "exe" {
		t.Errorf("pid %d parent %d uid %d comm %q; want %d %d 0 exe", call.PID, call.Parent, call.UID, call.Comm, child.PID(), unix.Getpid())
	}
	if group, _ := processStart(t, child.PID()); group != call.ProcessStartNs/10e6 {
		t.Errorf("process start %d ticks; /proc says %d", call.ProcessStartNs/10e6, group)
	}
}

func TestAFastCallIsNotHandedOver(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{SleepNs: 5e6})
	tracer := slowFrom(t, child, unix.SYS_CLOCK_NANOSLEEP, 10e9)
	child.Run()
	if calls := slowCalls(t, tracer); len(calls) != 0 {
		t.Errorf("handed over: %+v", calls[0])
	}
	if c, _ := tracer.Counters(); c.Slow != 0 {
		t.Errorf("%d slow calls counted; want none", c.Slow)
	}
}

// A ring that nobody reads fills up: each call that did not fit is counted. Until then it takes
// those of a few thousand threads that end at once, before their reader has a CPU.
func TestAFullRingIsCounted(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{Getppid: 20_000})
	tracer := slowFrom(t, child, unix.SYS_GETPPID, 1)
	child.Run()
	c, err := tracer.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if !within(c.Slow, 20_000, (&watched{Tracer: tracer}).skipped(t)) || c.RingFull == 0 {
		t.Errorf("%d slow, %d did not fit; want 20000, some", c.Slow, c.RingFull)
	}
	if fit := c.Slow - c.RingFull; fit < 2_500 {
		t.Errorf("%d calls fit; want 2500 or more", fit)
	}
	if got := uint64(len(slowCalls(t, tracer))); got != c.Slow-c.RingFull {
		t.Errorf("%d calls read, %d lost, %d slow", got, c.RingFull, c.Slow)
	}
}

func TestKindsOfDescriptors(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tracer := running(t, Options{GroupBy: GroupByNone}, Filter{})
	setThreshold(t, tracer, unix.SYS_OPENAT, 1)
	for path, want := range map[string]string{
		"/proc/self/status": "pseudo", "/sys/kernel/notes": "pseudo", "/etc/passwd": "file", "/etc": "dir",
		"/dev/zero": "char", "/dev/ptmx": "tty", fifo: "pipe", "/nonexistent": "",
	} {
		child := bpftest.Start(t, bpftest.Script{Open: path})
		if err := tracer.SetFilter(Filter{PIDFDs: []int{pidfd(t, child)}}); err != nil {
			t.Fatal(err)
		}
		child.Run()
		calls := slowCalls(t, tracer)
		if len(calls) == 0 && gaps(t, tracer) {
			return
		}
		if len(calls) == 0 || calls[len(calls)-1].FDKind.String() != want {
			t.Errorf("%s: kind %q; want %q", path, calls[len(calls)-1].FDKind, want)
		}
		child.Kill()
	}
}

// On a kind of descriptor that exempts it no call is handed over, however long.
func TestAnExemptKindIsNotHandedOver(t *testing.T) {
	pipe := uint16(1) << syscountFdKindFD_PIPE
	for _, test := range []struct {
		exempt uint16
		want   int
	}{{0, 1}, {pipe, 0}, {^pipe, 1}} {
		p := bpftest.NewProgram()
		process := p.Start(t, call(unix.SYS_FSYNC, 1), exit()) // its standard output is a pipe
		tracer := slowWith(t, process.PID(), unix.SYS_FSYNC, Look{Exempt: test.exempt})
		process.Poke()
		process.Finish()
		calls := slowCalls(t, tracer)
		c, err := tracer.Counters()
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) > test.want || len(calls) < test.want && !gaps(t, tracer) || c.Slow != uint64(len(calls)) {
			t.Errorf("exempt %#x: %d calls handed over, %d counted; want %d", test.exempt, len(calls), c.Slow, test.want)
		}
	}
}
