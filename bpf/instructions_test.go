package bpf

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// fastestLoop is the least time that so many calls of getppid took.
func fastestLoop(t *testing.T) (ns uint64) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const calls, loops = 100, 100
	for range loops {
		var from, to unix.Timespec
		err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &from)
		for range calls {
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
	t.Logf("100 calls of getppid: %d ns with nothing attached, %d with functions, %d with tracepoints", nothing, targeted, tracepoints)
	if !clockCounts {
		return
	}
	if !byFunctions(tracer) {
		t.Fatalf("functions are not followed: %s", tracer.WhyTracepoints())
	}
	if targeted != nothing || tracepoints < nothing*11/10 {
		t.Errorf("%d instructions with functions, %d with nothing attached, %d with tracepoints; want the same, and more", targeted, nothing, tracepoints)
	}
}
