// Package kernels runs the BPF tests on kernels that this machine does not have:
// Debian's, from the one below the floor to the newest, under qemu, for both
// architectures. "make test-kernels" runs it.
//
// matrix.go says which kernels. mirror.go, apt.go and deb.go fetch them from Debian,
// build.go and cpio.go make the initramfs, machine.go boots it with the command
// init in it as PID 1, console.go reads what that has printed, and verdict.go says
// what is wrong with it.
package kernels

// kernel is one row of the matrix.
type kernel struct {
	suite string // Debian's, whose newest cloud kernel is taken
	arch  arch
	// refusal: a pattern for all that syscountd says here, with exit status 69.
	// "": the kernel is supported.
	refusal string
	// skips are the tests of package bpf that may be skipped here, each with
	// the kernel version that has what it needs.
	skips map[string]string
}

func (k kernel) name() string { return k.suite + "-" + k.arch.debian }

var matrix = []kernel{
	{
		suite: "bullseye", arch: amd64, // 5.10
		refusal: `^syscountd: not supported by this kernel: Linux 5\.10\.\S+ has no BPF task-local storage, ` +
			`which came with Linux 5\.11; syscountd needs Linux 5\.15 or newer$`,
	},
	{suite: "bookworm", arch: amd64},         // 6.1
	{suite: "trixie", arch: amd64},           // 6.12
	{suite: "trixie-backports", arch: amd64}, // 7.3 in November 2026
	{suite: "trixie", arch: arm64},
}

// busyboxSuite has the shell of all machines.
const busyboxSuite = "trixie"

// arch is a processor architecture.
type arch struct {
	debian      string   // Debian's name, which is Go's too
	qemu        string   // the program that emulates it
	qemuPackage string   // its Debian package
	machine     []string // its options for the machine
	console     string   // the kernel's name for the serial port
}

// Every machine is an emulated one: KVM is not to be had everywhere, and with one
// way only, results are the same everywhere. The processors are chosen for that:
//
//   - amd64 without CMPXCHG16B, which QEMU before 8.0 emulates wrongly: its helper
//     computes the flags from a stale cc_op, the flags register gets part of an
//     address, and sooner or later the kernel dies of it (in SLUB's fast path:
//     in about every third run of the BPF tests on Linux 6.12). Linux does without it.
//   - arm64 as the newest one, because for each older one Linux has mitigations
//     (unmapping itself from user space, calls of firmware) that cost several times
//     as much. But without PAC, because QEMU computes the architected algorithm.
var (
	amd64 = arch{
		debian: "amd64", qemu: "qemu-system-x86_64", qemuPackage: "qemu-system-x86",
		machine: []string{"-machine", "q35", "-cpu", "qemu64,cx16=off"}, console: "ttyS0",
	}
	arm64 = arch{
		debian: "arm64", qemu: "qemu-system-aarch64", qemuPackage: "qemu-system-arm",
		machine: []string{"-machine", "virt", "-cpu", "max,pauth=off"}, console: "ttyAMA0",
	}
)
