package bpf

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
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
	Tick           bool   // StartNs is a tick at which it was on the CPU, likewise
	Stuck          bool   // it has not returned: Ret says nothing
	Ret            int64  // as the kernel returned it: -errno on failure
	Args           []uint64
	FDKind         FDKind // of the descriptor that its traits name

	Wait       *Wait    // nil: it is not known
	File       *File    // what the descriptor that its traits name is
	To         *File    // the other end of copy_file_range, splice, sendfile, ...
	Paths      []string // its path arguments, as the caller wrote them
	Executable string   // path of the program
	UserStack  []string // of the caller, if it was asked for, innermost first: "<build id>+0x<offset in the file>", "?" for what is no file
	LockHolder uint32   // Stuck: the process that has the lock on a file which it waits for; 0: not known
	Timeout    []uint64 // the two words of the struct that a time-out argument points to; nil: there is none

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

	LongestFor For // what the longest wait was for, as far as the scheduler knows

	Waker       Task   // who ended the longest wait; the zero Task: not known
	WakerUnseen bool   // nobody looked who ended the longest wait, though it was long: see Tracer.FollowWakers
	Blocker     Task   // who held the kernel lock that it waited for
	ThrottledNs uint64 // its cgroup had used up its CPU quota
	StoppedNs   uint64 // stopped by a signal (SIGSTOP, job control)
	TracedNs    uint64 // stopped by a tracer (ptrace)
	FrozenNs    uint64 // in the freezer
}

// For is what a thread waited for, as far as the scheduler knows. A stack does not
// tell it: the kernel leaves the functions out of it in which threads wait.
type For uint8

// What a thread waited for.
const (
	ForOthers     For = iota // the stack has to tell
	ForCPU                   // it could have run
	ForBlockIO               // a block device
	ForKernelLock            // the one that Blocker had
	ForThaw                  // its cgroup is frozen
)

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
	t.replaced.RLock()
	defer t.replaced.RUnlock()
	return t.slowCallOf(rec.RawSample)
}

// FlushSlow lets NextSlow return ErrFlushed after all calls that have been
// handed over by now, so that their reader knows that it has them all.
func (t *Tracer) FlushSlow() error { return t.slow.Flush() }

func (t *Tracer) slowCallOf(sample []byte) (*SlowCall, error) {
	var raw syscountSlowCall
	if fixed := int(unsafe.Offsetof(raw.Tail)); len(sample) < fixed {
		return nil, fmt.Errorf("read a slow call: %d bytes, want %d or more", len(sample), fixed)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&raw)), unsafe.Sizeof(raw)), sample)
	sc, ok := syscallOf(uint32(raw.Syscall))
	if !ok {
		return nil, fmt.Errorf("read a slow call: slot %d is no syscall's", raw.Syscall)
	}
	call := &SlowCall{
		Syscall: sc, StartNs: raw.StartNs, EndNs: raw.EndNs, Stuck: raw.Open != 0,
		FirstBlock: raw.Start == uint8(syscountCallStartSTART_FIRST_BLOCK), Tick: raw.Start == uint8(syscountCallStartSTART_TICK),
		Ret: raw.Ret, FDKind: FDKind(raw.File.Kind),
		PID: raw.Pid, TID: raw.Tid, Parent: raw.Parent, UID: raw.Uid, Comm: cString(raw.Comm[:]),
		ProcessStartNs: raw.ProcessStartNs, Cgroup: raw.Cgroup,
		LockHolder: raw.LockHolder,
	}
	if raw.HasArgs != 0 {
		call.Args = append([]uint64(nil), raw.Args[:]...)
	}
	if raw.HasTimeout != 0 {
		call.Timeout = append([]uint64(nil), raw.Timeout[:]...)
	}
	if raw.HasWait != 0 {
		call.Wait = t.waitOf(&raw.Wait, call.DurationNs())
		call.Wait.WakerUnseen = !call.Stuck && isUnwatched(&raw.Wait) // what is stuck waits on
	}
	tail := tailReader(raw.Tail[:min(int(raw.TailBytes), len(raw.Tail))])
	call.File = fileOf(&raw.File, &tail)
	call.To = fileOf(&raw.To, &tail)
	for _, n := range raw.TextBytes {
		if text := cString(tail.next(int(n))); n > 0 {
			call.Paths = append(call.Paths, text)
		}
	}
	call.Executable = pathOf(tail.next(int(raw.ExecutableBytes)))
	for range raw.UserFrames {
		call.UserStack = append(call.UserStack, userFrame(typed[syscountUserFrame](&tail)))
	}
	return call, nil
}

// userFrame is what addr2line and debuginfod can make a function of. The build id is as in
// the ELF note; most are 20 bytes, shorter ones are filled up with zeros (lib/buildid.c).
func userFrame(frame syscountUserFrame) string {
	const valid = 1 // BPF_STACK_BUILD_ID_VALID
	if frame.Status != valid {
		return "?"
	}
	return fmt.Sprintf("%x+%#x", frame.BuildId, frame.Offset)
}

// tailReader gives out what the tail of a slow call has, one after the other.
type tailReader []byte

func (r *tailReader) next(n int) []byte {
	bytes := (*r)[:min(n, len(*r))]
	*r = (*r)[len(bytes):]
	return bytes
}

// typed is what comes next in the tail, as the kernel side lays it out.
func typed[T any](r *tailReader) T {
	var it T
	size := int(unsafe.Sizeof(it))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&it)), size), r.next(size))
	return it
}

func fileOf(raw *syscountFileReport, tail *tailReader) *File {
	path := tail.next(int(raw.PathBytes))
	var socket *Socket
	if raw.HasSocket != 0 {
		socket = socketOf(typed[syscountSocketReport](tail))
	}
	if raw.Kind == uint8(syscountFdKindFD_NONE) {
		return nil
	}
	f := &File{
		Kind: FDKind(raw.Kind), Deleted: raw.Deleted != 0, Cut: raw.Cut != 0, Inode: raw.Inode, Device: raw.Device, Socket: socket,
	}
	switch f.Kind {
	case FDKind(syscountFdKindFD_SOCKET): // the name is in none that the process knows
	case FDKind(syscountFdKindFD_ANON):
		f.Path = strings.TrimPrefix(joinNames(path), "/") // "[eventfd]"
	default:
		f.Path = joinNames(path)
	}
	if f.Kind == FDKind(syscountFdKindFD_PIPE) && f.Path == "/" {
		f.Path = "" // it has no name
	}
	return f
}

// pathOf is "" for no names at all.
func pathOf(names []byte) string {
	if len(names) == 0 {
		return ""
	}
	return joinNames(names)
}

func socketOf(raw syscountSocketReport) *Socket {
	s := &Socket{Family: raw.Family, Type: raw.Type, Protocol: raw.Protocol, State: raw.State, Peer: raw.Peer}
	switch raw.Family {
	case unix.AF_INET:
		s.Local = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw.Local[:4])), raw.LocalPort)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw.Remote[:4])), raw.RemotePort)
	case unix.AF_INET6:
		s.Local = netip.AddrPortFrom(netip.AddrFrom16(raw.Local), raw.LocalPort)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom16(raw.Remote), raw.RemotePort)
	case unix.AF_UNIX:
		s.Path = unixPath(raw.Path[:min(int(raw.PathBytes), len(raw.Path))])
	}
	return s
}

// unixPath writes an abstract address with "@" for the NUL that it begins with.
func unixPath(path []byte) string {
	if len(path) > 0 && path[0] == 0 {
		return "@" + string(path[1:])
	}
	return cString(path)
}
