// Package bpftest has what the tests of the kernel side need: children that
// make exactly known system calls, cgroups, and the service's capabilities.
package bpftest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Script is what a child does, by raw system calls from one thread, between
// its release and its report. The Go runtime of the child makes calls of its
// own, but none of these.
type Script struct {
	Comm       string // the thread's name from then on
	UID        int    // and its user
	Getppid    int
	ReadZero   int    // 1-byte reads of /dev/zero
	OpenFails  int    // openat that fails with ENOENT
	Open       string // opened for reading, without waiting
	SleepNs    int64
	PipeReadNs int64 // a read from a pipe that gets its byte after this time
}

// Report is what the child says at its end; times are CLOCK_MONOTONIC, just
// before and after the slow call of the script.
type Report struct {
	TID      int
	BeforeNs uint64
	AfterNs  uint64
	FD       int // that the pipe's read was on
}

const childVariable = "SYSCOUNT_BPFTEST_SCRIPT"

// IsChild says whether this process is a child that should run a script.
func IsChild() bool { return os.Getenv(childVariable) != "" }

// RunChild runs the script and ends the process.
func RunChild() {
	runtime.LockOSThread()
	var s Script
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &s); err != nil {
		fail(err)
	}
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		fail(err)
	}
	fmt.Println("ready")
	// poll, unlike read, leaves the count of reads alone.
	fds := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(fds, -1); n == 1 || err != unix.EINTR {
			break
		}
	}
	json.NewEncoder(os.Stdout).Encode(s.run(zero))
	unix.Poll(fds[:0], -1)
}

func (s Script) run(zero int) Report {
	if s.Comm != "" {
		name, _ := unix.BytePtrFromString(s.Comm)
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0)
	}
	if s.UID != 0 {
		unix.RawSyscall(unix.SYS_SETRESUID, uintptr(s.UID), ^uintptr(0), ^uintptr(0)) // its effective rights stay
	}
	for range s.Getppid {
		unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	var b [1]byte
	for range s.ReadZero {
		unix.RawSyscall(unix.SYS_READ, uintptr(zero), uintptr(unsafe.Pointer(&b[0])), 1)
	}
	missing, _ := unix.BytePtrFromString("/nonexistent/syscountd")
	for range s.OpenFails {
		unix.RawSyscall6(unix.SYS_OPENAT, 0, uintptr(unsafe.Pointer(missing)), 0, 0, 0, 0)
	}
	if s.Open != "" {
		path, _ := unix.BytePtrFromString(s.Open)
		flags := uintptr(unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY)
		unix.RawSyscall6(unix.SYS_OPENAT, 0, uintptr(unsafe.Pointer(path)), flags, 0, 0, 0)
	}
	r := Report{TID: unix.Gettid()}
	if s.SleepNs != 0 {
		ts := unix.NsecToTimespec(s.SleepNs)
		r.BeforeNs = nowNs()
		// Not nanosleep, which the runtime's own monitor thread calls.
		unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		r.AfterNs = nowNs()
	}
	if s.PipeReadNs != 0 {
		s.readPipe(&r)
	}
	return r
}

// readPipe has the byte written by a shell that sleeps first.
func (s Script) readPipe(r *Report) {
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		fail(err)
	}
	writer := exec.Command("/bin/sh", "-c", fmt.Sprintf("sleep %f; echo", float64(s.PipeReadNs)/1e9))
	writer.Stdout = os.NewFile(uintptr(p[1]), "pipe")
	if err := writer.Start(); err != nil {
		fail(err)
	}
	var b [1]byte
	r.FD = p[0]
	r.BeforeNs = nowNs()
	unix.RawSyscall(unix.SYS_READ, uintptr(p[0]), uintptr(unsafe.Pointer(&b[0])), 1)
	r.AfterNs = nowNs()
	writer.Wait()
}

func nowNs() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		fail(err)
	}
	return uint64(ts.Nano())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "child:", err)
	os.Exit(1)
}

// Child is a started child that waits for its release.
type Child struct {
	*exec.Cmd
	t    testing.TB
	in   interface{ Close() error }
	out  *bufio.Reader
	poke func() error
}

// Start starts a child of this test binary, whose TestMain has to call
// RunChild, and returns when it is ready.
func Start(t testing.TB, s Script) *Child {
	t.Helper()
	script, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := &Child{Cmd: exec.Command("/proc/self/exe"), t: t}
	// Without preemption by signals, which would interrupt the slow calls.
	c.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", childVariable+"="+string(script))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	c.poke = func() error { _, err := in.Write([]byte("go\n")); return err }
	t.Cleanup(c.Kill)
	if line, err := c.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("child said %q, %v; want ready", line, err)
	}
	return c
}

// Run releases the child, and returns when its script is done; it still lives.
func (c *Child) Run() Report {
	c.t.Helper()
	if err := c.poke(); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		c.t.Fatalf("child ended early: %v", err)
	}
	var r Report
	if err := json.Unmarshal(line, &r); err != nil {
		c.t.Fatalf("child said %q: %v", line, err)
	}
	return r
}

// PID is the child's.
func (c *Child) PID() int { return c.Process.Pid }

// Kill ends the child and reaps it; again is harmless.
func (c *Child) Kill() {
	if c.ProcessState == nil {
		c.Process.Kill()
		c.Wait()
	}
}
