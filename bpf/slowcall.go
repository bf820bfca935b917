package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"
)

// FDKind is what a file descriptor is.
type FDKind uint8

// String gives the name that records and rules use; "" for no descriptor.
func (k FDKind) String() string {
	names := [...]string{"", "file", "dir", "block", "char", "tty", "pipe", "socket", "anon", "pseudo"}
	if int(k) < len(names) {
		return names[k]
	}
	return ""
}

// SlowCall is a call that reached the threshold of its syscall, or one that is
// still open (Stuck).
type SlowCall struct {
	Syscall
	StartNs, EndNs uint64 // CLOCK_MONOTONIC; Stuck: EndNs is when it was looked at
	FirstBlock     bool   // StartNs is when it first left the CPU: its entry was not seen
	Stuck          bool   // it has not returned: Ret says nothing
	Ret            int64  // as the kernel returned it: -errno on failure
	Args           []uint64
	FDKind         FDKind // of the descriptor that its traits name

	Wait       *Wait    // nil: it never left the CPU
	File       *File    // what the descriptor that its traits name is
	To         *File    // the other end of copy_file_range, splice, sendfile, ...
	Paths      []string // its path arguments, as the caller wrote them
	Executable string   // path of the program

	PID, TID, Parent uint32 // in our own PID namespace; Parent 0: outside of it
	UID              uint32
	Comm             string // of the thread
	ProcessStartNs   uint64 // CLOCK_BOOTTIME
	Cgroup           uint64 // id
}

// Wait says where the time of a call went. The four times add up to its duration.
type Wait struct {
	CPUNs      uint64 // on a CPU
	RunqueueNs uint64 // runnable, without a CPU
	IONs       uint64 // uninterruptible sleep
	SleepNs    uint64 // any other sleep

	Voluntary, Involuntary uint32 // context switches
	MajorFaults            uint32
	LongestNs              uint64   // the longest wait, runqueue included
	Stack                  []uint64 // kernel addresses of the longest wait, innermost first; nil when it was too short to look

	Waker       Task   // who ended the longest wait; the zero Task: not known
	Blocker     Task   // who held the kernel lock that it waited for
	ThrottledNs uint64 // its cgroup had used up its CPU quota
	StoppedNs   uint64 // stopped by a signal (SIGSTOP, job control)
	TracedNs    uint64 // stopped by a tracer (ptrace)
	FrozenNs    uint64 // in the freezer
}

// Task is a thread by name.
type Task struct {
	PID, TID uint32 // in our own PID namespace; 0: outside of it, or an interrupt
	Comm     string
}

// File is what a descriptor refers to.
type File struct {
	Kind    FDKind
	Path    string // in the mount namespace of the process; "socket:", "pipe:" and the like have none
	Deleted bool
	Cut     bool // the path is longer than we keep: its beginning is missing
	Inode   uint64
	Device  uint32  // of the file system: major << 20 | minor
	Socket  *Socket // of a socket
}

// Socket is one end of a connection.
type Socket struct {
	Family, Type  uint16 // AF_*, SOCK_*
	Protocol      uint16 // IPPROTO_*
	State         uint8  // TCP_* of include/net/tcp_states.h
	Local, Remote netip.AddrPort
	Path          string // AF_UNIX: of the bound end, an abstract one with "@"
	Peer          uint32 // AF_UNIX: PID of the other end
}

// DurationNs is the time between entry and exit.
func (c *SlowCall) DurationNs() uint64 { return c.EndNs - c.StartNs }

// NextSlow waits for the next slow call. It returns ErrClosed after Close, and
// ErrFlushed once for each FlushSlow.
func (t *Tracer) NextSlow() (*SlowCall, error) {
	rec, err := t.slow.Read()
	if errors.Is(err, ringbuf.ErrClosed) {
		return nil, ErrClosed
	}
	if errors.Is(err, ringbuf.ErrFlushed) {
		return nil, ErrFlushed
	}
	if err != nil {
		return nil, fmt.Errorf("read a slow call: %w", err)
	}
	return slowCallOf(rec.RawSample)
}

// FlushSlow lets NextSlow return ErrFlushed after all calls that have been
// handed over by now, so that their reader knows that it has them all.
func (t *Tracer) FlushSlow() error { return t.slow.Flush() }

func slowCallOf(sample []byte) (*SlowCall, error) {
	var raw syscountSlowCall
	if len(sample) < int(unsafe.Sizeof(raw)) {
		return nil, fmt.Errorf("read a slow call: %d bytes, want %d", len(sample), unsafe.Sizeof(raw))
	}
	if _, err := binary.Decode(sample, binary.NativeEndian, &raw); err != nil {
		return nil, fmt.Errorf("read a slow call: %w", err)
	}
	sc, ok := syscallOf(uint32(raw.Syscall))
	if !ok {
		return nil, fmt.Errorf("read a slow call: slot %d is no syscall's", raw.Syscall)
	}
	call := &SlowCall{
		Syscall: sc, StartNs: raw.StartNs, EndNs: raw.EndNs, Ret: raw.Ret, FDKind: FDKind(raw.FdKind),
		PID: raw.Pid, TID: raw.Tid, Parent: raw.Parent, UID: raw.Uid, Comm: cString(raw.Comm[:]),
		ProcessStartNs: raw.ProcessStartNs, Cgroup: raw.Cgroup,
	}
	if raw.HasArgs != 0 {
		call.Args = append([]uint64(nil), raw.Args[:]...)
	}
	return call, nil
}
