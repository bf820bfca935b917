package main

import (
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// x32Bit marks the numbers of x32 (__X32_SYSCALL_BIT, arch/x86/include/uapi/asm/unistd.h).
const x32Bit = 0x40000000

// The numbers that have a row of their own: what is above shares one. They are
// NATIVE_SLOTS and X32_SLOTS of bpf/syscount.h, less the shared one.
const (
	nativeNumbers = 511
	x32Numbers    = 575
)

// emptyCalls are the numbers that this kernel has no call for, as it takes them:
// it refuses each of them at once, and syscountd keeps a row for each of them all
// the same. So a process can have hundreds of rows and do nothing.
func emptyCalls(goarch string, x32 bool) []uintptr {
	var numbers []uintptr
	abi := syscalls.NativeABIs(goarch)[0]
	for nr := range int32(nativeNumbers) {
		if strings.HasPrefix(syscalls.Name(bpf.Syscall{ABI: abi, Nr: nr}), "syscall_") {
			numbers = append(numbers, uintptr(nr))
		}
	}
	if goarch != "amd64" || x32 {
		return numbers
	}
	for nr := range uintptr(x32Numbers) {
		numbers = append(numbers, x32Bit|nr)
	}
	return numbers
}

// hostEmptyCalls are those of this host.
func hostEmptyCalls() []uintptr {
	return emptyCalls(runtime.GOARCH, runtime.GOARCH == "amd64" && hasX32())
}

// hasX32 asks for the PID by x32's number, which few kernels know.
func hasX32() bool {
	_, _, err := unix.RawSyscall(x32Bit|unix.SYS_GETPID, 0, 0, 0)
	return err != unix.ENOSYS
}

// makeEmptyCalls makes each of the calls. A newer kernel may have given one of the
// numbers a meaning: no descriptor, address or flags are all ones, so that it is
// refused then too.
func makeEmptyCalls(numbers []uintptr) {
	const ones = ^uintptr(0)
	for _, nr := range numbers {
		unix.RawSyscall6(nr, ones, ones, ones, ones, ones, ones)
	}
}
