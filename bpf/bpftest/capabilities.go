package bpftest

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DropCapabilities leaves this process, in all its threads, with CAP_BPF and
// CAP_PERFMON only, as the unit file does. Children that it executes as root
// have all of theirs.
func DropCapabilities() error {
	const mask = 1<<(unix.CAP_BPF-32) | 1<<(unix.CAP_PERFMON-32)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{1: {Effective: mask, Permitted: mask}}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return fmt.Errorf("keep CAP_BPF and CAP_PERFMON only: %w", errno)
	}
	return nil
}
