package bpf

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

const callsOfLoop = 100

// fastestLoop is the least time that so many calls of getppid took.
func fastestLoop(t *testing.T) (ns uint64) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 100 {
		var from, to unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &from)
		for range callsOfLoop {
			unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		}
		if err := errors.Join(err, unix.ClockGettime(unix.CLOCK_MONOTONIC, &to)); err != nil {
			t.Fatal(err)
		}
		if took := uint64(to.Nano() - from.Nano()); ns == 0 || took < ns {
			ns = took
		}
	}
	return ns
}

// With a few calls named, all others cost what they cost with nothing attached. The
// kernel tests run this on a machine whose clock counts instructions, and say so: there
// the fastest of many loops has no interrupt in it, and its time is exact.
func TestOtherCallsRunNoInstructionMore(t *testing.T) {
	_, clockCounts := os.LookupEnv("SYSCOUNT_TEST_INSTRUCTIONS")
	nothing := fastestLoop(t)
	tracer := newRig(t).watchOnlyOf(t, fileCalls, Filter{}, own(unix.SYS_FSYNC))
	targeted := fastestLoop(t)
	if err := tracer.Detach(); err != nil {
		t.Fatal(err)
	}
	all := newRig(t).watchOnlyOf(t, "", Filter{}, own(unix.SYS_FSYNC))
	tracepoints := fastestLoop(t)
	if byFunctions(all) {
		t.Fatal("functions are followed without any name")
	}
	t.Logf("%d calls of getppid: %d ns with nothing attached, %d with functions, %d with tracepoints", callsOfLoop, nothing, targeted, tracepoints)
	if !clockCounts {
		return
	}
	if !byFunctions(tracer) {
		t.Fatalf("functions are not followed: %s", tracer.WhyTracepoints())
	}
	// To read the clock takes an instruction more or less.
	if targeted >= nothing+callsOfLoop || tracepoints < nothing+20*callsOfLoop {
		t.Errorf("want less than an instruction more in a call with functions, and at least 20 with tracepoints")
	}
}
