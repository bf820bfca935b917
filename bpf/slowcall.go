package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
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

// SlowCall is a call that reached the threshold of its syscall.
type SlowCall struct {
	Syscall
	StartNs, EndNs uint64 // CLOCK_MONOTONIC
	Ret            int64  // as the kernel returned it: -errno on failure
	Args           []uint64
	FDKind         FDKind // of the descriptor that its traits name

	PID, TID, Parent uint32 // in our own PID namespace; Parent 0: outside of it
	UID              uint32
	Comm             string // of the thread
	ProcessStartNs   uint64 // CLOCK_BOOTTIME
	Cgroup           uint64 // id
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
