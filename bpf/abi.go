package bpf

// ABI is the system call interface that a call came in by. The same number
// means different calls in different ABIs: i386 3 is read, x86-64 3 is close.
// The values are those of enum abi in syscount.h.
type ABI uint8

// The ABIs of the two architectures that we run on.
const (
	ABIx8664   ABI = iota // 64-bit x86
	ABIi386               // 32-bit x86: int 0x80, sysenter, syscall32
	ABIx32                // x86-64 with 32-bit pointers: bit 30 of the number
	ABIaarch64            // 64-bit Arm
	ABIarm                // 32-bit Arm (EABI)
)

// String gives the name that records use.
func (a ABI) String() string {
	switch a {
	case ABIx8664:
		return "x86_64"
	case ABIi386:
		return "i386"
	case ABIx32:
		return "x32"
	case ABIaarch64:
		return "aarch64"
	case ABIarm:
		return "arm"
	}
	return "unknown"
}

// Syscall names a system call: the number is that of its own ABI. Nr is
// NrUnknown for every number that the kernel has no call for (-1 from ptrace,
// 9999, ...): these share one row per ABI.
type Syscall struct {
	ABI ABI
	Nr  int32
}

// NrUnknown stands for all numbers out of range.
const NrUnknown int32 = -1
