package scenes

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/test/foreground"
)

// desktopVariable makes the test binary the programs of a desktop.
const desktopVariable = "SYSCOUNT_SCENE_DESKTOP"

// desktopHost is what waits on a desktop: threads that sleep in all the ways there are.
func desktopHost(t *testing.T, s *stage) func(time.Duration) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := s.command(self)
	cmd.Env = append(os.Environ(), desktopVariable+"=1")
	cmd.Dir = s.dir()
	t.Cleanup(func() { end(cmd, syscall.SIGKILL) })
	foreground.Ready(t, cmd)
	return func(length time.Duration) {
		time.Sleep(length)
		var info unix.Siginfo
		must(unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil))
		if info.Signo != 0 {
			t.Error("the desktop has ended before its time: nobody was there to be silent about")
		}
	}
}

// desktop never returns. Each thread waits in another call, most of them for longer than
// any threshold; some wake each other up many times a second. No call is a raw one: it
// would keep one of Go's processors for itself, and two of them a machine with two CPUs.
func desktop() {
	var pipe, idle [2]int
	must(unix.Pipe(pipe[:]))
	must(unix.Pipe(idle[:]))
	pair := must1(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	events := must1(unix.EpollCreate1(0))
	timer := must1(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0))
	every := unix.NsecToTimespec(16e6) // a frame
	must(unix.TimerfdSettime(timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil))
	must(unix.EpollCtl(events, unix.EPOLL_CTL_ADD, timer, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(timer)}))
	signals := must1(unix.Eventfd(0, 0))
	watch := must1(unix.InotifyInit1(0))
	must1(unix.InotifyAddWatch(watch, os.TempDir(), unix.IN_DELETE_SELF))
	terminal := must1(unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0))
	must(unix.Mkfifo("fifo", 0o600))
	buffer := func() []byte { return make([]byte, 64) }
	for _, wait := range []func(){
		func() { // the frame clock, which wakes up the painter
			uninterrupted(func() (int, error) { return unix.EpollWait(events, make([]unix.EpollEvent, 4), -1) })
			must1(unix.Read(timer, buffer()))
			must1(unix.Write(pipe[1], []byte{1}))
		},
		func() { must1(unix.Read(pipe[0], buffer())) },
		func() { unix.Poll([]unix.PollFd{{Fd: int32(idle[0]), Events: unix.POLLIN}}, 2500) },
		func() { unix.Select(0, nil, nil, nil, &unix.Timeval{Sec: 3}) },
		func() { unix.Open("fifo", unix.O_RDONLY, 0) }, // nobody opens its other end
		func() { unix.Read(idle[0], buffer()) },
		func() { unix.Read(pair[0], buffer()) },
		func() { unix.Read(signals, buffer()) },
		func() { unix.Read(watch, buffer()) },
		func() { unix.Read(terminal, buffer()) },
		func() { unix.Nanosleep(&unix.Timespec{Sec: 2}, nil) },
		func() { unix.Pause() },
		func() {
			word := new(uint32)
			unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 0, 0, 0, 0, 0)
		},
	} {
		go func() {
			runtime.LockOSThread()
			for {
				wait()
			}
		}()
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	select {}
}

// uninterrupted calls again what a signal has interrupted: epoll_wait is not restarted, and
// Go's runtime sends its threads signals.
func uninterrupted(call func() (int, error)) {
	_, err := call()
	for err == unix.EINTR {
		_, err = call()
	}
	must(err)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}
