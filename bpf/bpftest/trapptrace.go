package bpftest

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// StartTraced starts an executable under ptrace, stopped before its first
// instruction. It binds the calling goroutine to its thread until the test's
// end: a process has one thread as its tracer.
func StartTraced(t testing.TB, path string) *Process {
	t.Helper()
	p := &Process{Cmd: exec.Command(path), t: t}
	p.Stderr = os.Stderr
	p.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	p.AwaitStop()
	return p
}

// Ptrace makes a request that goes on: PTRACE_CONT, PTRACE_SYSCALL, ...
func (p *Process) Ptrace(request uintptr) {
	p.t.Helper()
	p.ptrace(request, 0, nil)
}

func (p *Process) ptrace(request, address uintptr, data unsafe.Pointer) {
	p.t.Helper()
	if _, _, err := unix.RawSyscall6(unix.SYS_PTRACE, request, uintptr(p.PID()), address, uintptr(data), 0, 0); err != 0 {
		p.t.Fatalf("ptrace request %d: %v", request, err)
	}
}

// AwaitStop waits until ptrace has stopped it.
func (p *Process) AwaitStop() {
	p.t.Helper()
	var status unix.WaitStatus
	if _, err := unix.Wait4(p.PID(), &status, 0, nil); err != nil || !status.Stopped() {
		p.t.Fatalf("wait for the traced process to stop: status %#x, %v", status, err)
	}
}
