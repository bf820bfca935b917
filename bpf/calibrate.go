package bpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Speed is how long cheap things take on this machine now, in ns: what short loops take
// when neither an interrupt, another thread on the CPU nor the hypervisor comes between.
type Speed struct {
	CallNs    float64 // a system call that is observed
	LeftOutNs float64 // one of a thread that is not
	SpinNs    float64 // a round of a loop without system calls, which tells how fast the CPU runs
	Calls     uint64  // how many were made to be observed; they are in no row
}

// A calibration takes some milliseconds of one CPU, BenchmarkCalibration tells how many. A
// batch is far shorter than the turn that the scheduler gives a thread.
const (
	calibrationBatches = 61
	callsOfBatch       = 256
	spinsOfBatch       = 4096
)

// Calibrate measures. Before Attach it tells what a call costs without us, if nobody
// else of ours is attached; after it, with us. Its calls are in the counters, and in no row.
func (t *Tracer) Calibrate() (Speed, error) {
	type outcome struct {
		Speed
		error
	}
	done := make(chan outcome)
	go onThreadThatEnds(func() {
		s, err := t.calibrate()
		done <- outcome{s, err}
	})
	got := <-done
	return got.Speed, got.error
}

// onThreadThatEnds runs something on a thread that ends with it, and with it the verdict
// that it is observed. The main thread would not: Go lets it wait for ever.
func onThreadThatEnds(run func()) {
	runtime.LockOSThread() // never unlocked, but on the main thread
	if unix.Gettid() != os.Getpid() {
		run()
		return
	}
	defer runtime.UnlockOSThread()
	ended := make(chan struct{})
	go onThreadThatEnds(func() { defer close(ended); run() })
	<-ended
}

// calibrate does so on the running thread, which is no one's after it.
func (t *Tracer) calibrate() (s Speed, err error) {
	s.SpinNs = usualNs(spinsOfBatch, spin)
	s.LeftOutNs = usualNs(callsOfBatch, callCheaply)
	if err := t.setCalibrating(1); err != nil {
		return Speed{}, err
	}
	defer func() { err = errors.Join(err, t.setCalibrating(0)) }()
	// The verdict is made anew when the thread has been off the CPU. A shorter sleep may be over
	// before it has begun, on a slow machine.
	if err := unix.Nanosleep(&unix.Timespec{Nsec: int64(time.Millisecond)}, nil); err != nil && !errors.Is(err, unix.EINTR) {
		return Speed{}, fmt.Errorf("leave the CPU: %w", err)
	}
	s.CallNs = usualNs(callsOfBatch, callCheaply)
	s.Calls = calibrationBatches * callsOfBatch
	return s, nil
}

// setCalibrating says that the running thread begins, or ends, to make its calls.
func (t *Tracer) setCalibrating(begins uint8) error {
	if err := t.objs.CalibrationBegins.Set(begins); err != nil {
		return fmt.Errorf("name the calibrating thread: %w", err)
	}
	if _, err := t.objs.Calibrate.Run(&ebpf.RunOptions{}); err != nil {
		return explainLoad("name the calibrating thread", err)
	}
	return nil
}

// usualNs is what one of n turns of a batch takes, undisturbed: the first decile of the batches. The
// median is a third higher on a host that is busy, by what others do.
func usualNs(n int, batch func(n int)) float64 {
	var took [calibrationBatches]time.Duration
	for i := range took {
		began := time.Now()
		batch(n)
		took[i] = time.Since(began)
	}
	slices.Sort(took[:])
	return float64(took[len(took)/10].Nanoseconds()) / float64(n)
}

// callCheaply makes the cheapest call that there is.
func callCheaply(n int) {
	for range n {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
}

// spun keeps the compiler from leaving out the loop.
var spun uint64

// spin multiplies: each turn waits for the one before it, whatever the CPU can do at a time.
func spin(n int) {
	x := spun | 1
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	spun = x
}
