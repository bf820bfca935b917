package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of this file are raw: the wrappers of package os and of the runtime
// retry, poll and tell the scheduler, each of which may call the kernel again.

// monotonic reads CLOCK_MONOTONIC in nanoseconds, the clock of
// bpf_ktime_get_ns. It is a vDSO call or clock_gettime, never a counted one.
func monotonic() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("read CLOCK_MONOTONIC: " + err.Error()) // cannot fail on Linux
	}
	return uint64(ts.Nano())
}

// awaitInput returns when fd has something to read, or has ended. It polls and
// leaves the input where it is: a read would be one of the counted calls.
func awaitInput(fd int32) error { return await(fd, unix.POLLIN) }

// awaitEnd returns when the other end of the pipe fd is closed, whether or not
// everything was read: poll(2) reports that event unasked.
func awaitEnd(fd int32) error { return await(fd, 0) }

func await(fd int32, events int16) error {
	poll := unix.PollFd{Fd: fd, Events: events}
	for {
		_, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, 0, 0, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR: // the runtime's preemption signal
		default:
			return fmt.Errorf("poll standard input: %w", errno)
		}
	}
}

// getppid is one getppid call.
func getppid() {
	unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
}

// read1 is one read call of one byte.
func read1(fd int) (int, error) {
	var buf [1]byte
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), 1)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// fsync is one fsync call.
func fsync(fd int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_FSYNC, uintptr(fd), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// openat is one openat call for reading. path ends with a zero byte.
func openat(path []byte) (int, error) {
	at := unix.AT_FDCWD
	fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(&path[0])),
		unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// cstring gives path with the zero byte that openat wants.
func cstring(path string) []byte {
	return append([]byte(path), 0)
}
