package bpf

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// slowWith observes a process; the calls of one number are all slow, with their
// first argument as a descriptor.
func slowWith(t *testing.T, pid int, nr int32, look Look) *Tracer {
	t.Helper()
	tracer := running(t, Options{GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfdOf(t, pid)}})
	err := tracer.SetSyscalls(func(sc Syscall) Setting {
		if sc == own(nr) {
			return Setting{Traits: TraitObserved | TraitFDFirst, ThresholdNs: 1, Look: look}
		}
		return Setting{Traits: TraitObserved, ThresholdNs: Never}
	})
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// sockaddr makes the words of a struct sockaddr.
func sockaddr(data ...byte) []uintptr {
	data = append(data, make([]byte, 16)...)
	words := make([]uintptr, len(data)/8)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8), data)
	return words
}

func port(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

// One program makes descriptors of all kinds, and calls fsync on each: what it
// was on is known from the kernel's own structures, whether the call could work
// or not.
func TestWhatACallWasOn(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, long := filepath.Join(dir, "a\nfile"), dir
	for range 6 { // a path of over 1,500 bytes
		long = filepath.Join(long, strings.Repeat("x", 250))
	}
	if err := os.MkdirAll(long, 0o700); err != nil {
		t.Fatal(err)
	}
	p := bpftest.NewProgram()
	atCwd := uintptr(1<<64 - 100)
	onFile, abstract := p.Text(file), append([]byte{unix.AF_UNIX, 0, 0}, "syscount-test"...)
	sync := func(fd uintptr) bpftest.Step { return call(unix.SYS_FSYNC, fd) }
	process := p.Start(t,
		call(unix.SYS_OPENAT, atCwd, onFile, unix.O_CREAT|unix.O_RDWR, 0o600), sync(3), // 3
		call(unix.SYS_UNLINKAT, atCwd, onFile, 0), sync(3),
		call(unix.SYS_MEMFD_CREATE, p.Text("scratch"), 0), sync(4),
		call(unix.SYS_EVENTFD2, 0, 0), sync(5),
		call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM, 0), // 6
		call(unix.SYS_BIND, 6, p.Words(sockaddr(slices.Concat([]byte{unix.AF_INET, 0}, port(40404), []byte{127, 0, 0, 1})...)...), 16), sync(6),
		call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0), // 7
		call(unix.SYS_BIND, 7, p.Words(sockaddr(abstract...)...), uintptr(len(abstract))), sync(7),
		call(unix.SYS_OPENAT, atCwd, p.Text(long), unix.O_DIRECTORY, 0), sync(8),
		sync(0), sync(77), exit())
	tracer := slowWith(t, process.PID(), unix.SYS_FSYNC, Look{})
	process.Poke()
	process.Finish()
	calls := slowCalls(t, tracer)
	want := []struct {
		fd   uint64
		file File
	}{
		{3, File{Kind: 1, Path: file}},
		{3, File{Kind: 1, Path: file, Deleted: true}},
		{4, File{Kind: 1, Path: "/memfd:scratch"}},
		{5, File{Kind: 8, Path: "[eventfd]"}},
		{6, File{Kind: 7, Socket: &Socket{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, State: 7,
			Local: netip.MustParseAddrPort("127.0.0.1:40404"), Remote: netip.MustParseAddrPort("0.0.0.0:0")}}},
		{7, File{Kind: 7, Socket: &Socket{Family: unix.AF_UNIX, Type: unix.SOCK_STREAM, State: 7, Path: "@syscount-test"}}},
		{8, File{Kind: 2, Path: long}},
		{0, File{Kind: 6}},
		{77, File{}},
	}
	if len(calls) < len(want) && gaps(t, tracer) {
		return
	}
	if len(calls) != len(want) {
		t.Fatalf("%d slow calls; want %d", len(calls), len(want))
	}
	for i, w := range want {
		c := calls[i]
		if c.Args[0] != w.fd || c.Executable == "" {
			t.Errorf("call %d: fd %d of %q; want %d", i, c.Args[0], c.Executable, w.fd)
		}
		switch {
		case w.file.Kind == 0:
			if c.File != nil {
				t.Errorf("fd %d: %+v; want nothing", w.fd, c.File)
			}
		case c.File == nil || !sameFile(*c.File, w.file):
			t.Errorf("fd %d: %+v, socket %+v; want %+v, %+v", w.fd, c.File, socketOfFile(c.File), w.file, w.file.Socket)
		}
	}
}

func socketOfFile(f *File) *Socket {
	if f == nil {
		return nil
	}
	return f.Socket
}

// sameFile compares all but the numbers that a test cannot know.
func sameFile(got, want File) bool {
	socket := got.Socket == want.Socket || got.Socket != nil && want.Socket != nil && *got.Socket == *want.Socket
	return got.Kind == want.Kind && got.Path == want.Path && got.Deleted == want.Deleted && !got.Cut && socket && got.Inode != 0
}

// A path argument is what the caller wrote, and the second descriptor has a file
// of its own.
func TestArgumentsOfACall(t *testing.T) {
	p := bpftest.NewProgram()
	process := p.Start(t,
		call(unix.SYS_OPENAT, 0, p.Text("/dev/zero"), unix.O_RDONLY, 0), call(unix.SYS_OPENAT, 0, p.Text("/dev/null"), unix.O_WRONLY, 0),
		call(unix.SYS_SPLICE, 3, 0, 4, 0, 1, 0), exit())
	tracer := slowWith(t, process.PID(), unix.SYS_SPLICE, Look{FD: 3})
	process.Poke()
	process.Finish()
	calls := slowCalls(t, tracer)
	if len(calls) == 0 && gaps(t, tracer) {
		return
	}
	if len(calls) != 1 || calls[0].File == nil || calls[0].To == nil || calls[0].File.Path != "/dev/zero" || calls[0].To.Path != "/dev/null" {
		t.Errorf("%+v; want one call from /dev/zero to /dev/null", calls)
	}

	p = bpftest.NewProgram()
	process = p.Start(t, call(unix.SYS_RENAMEAT2, 0, p.Text("/no/\x1b[31msuch"), 0, p.Text(strings.Repeat("/long", 200)), 0), exit())
	tracer = slowWith(t, process.PID(), unix.SYS_RENAMEAT2, Look{Text: [2]uint8{2, 4}})
	process.Poke()
	process.Finish()
	calls = slowCalls(t, tracer)
	if len(calls) == 0 && gaps(t, tracer) {
		return
	}
	if len(calls) != 1 || !slices.Equal(calls[0].Paths, []string{"/no/\x1b[31msuch", strings.Repeat("/long", 200)[:511]}) {
		t.Errorf("%+v; want one call with both paths, the second cut", calls)
	}
}

// wantWaits wants the times to add up, and returns the waits.
func wantWaits(t *testing.T, c *SlowCall) *Wait {
	t.Helper()
	if c.Wait == nil {
		t.Fatalf("%+v has no waits", c)
	}
	w := c.Wait
	if sum := w.CPUNs + w.RunqueueNs + w.IONs + w.SleepNs; sum != c.DurationNs() {
		t.Errorf("%+v: the times add up to %d ns; the call took %d", w, sum, c.DurationNs())
	}
	return w
}

func TestWhyAPipesReaderWaited(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{PipeReadNs: 60e6})
	tracer := slowFrom(t, child, unix.SYS_READ, 20e6)
	report := child.Run()
	for _, c := range slowCalls(t, tracer) {
		if int(c.TID) != report.TID {
			continue
		}
		w := wantWaits(t, c)
		if w.SleepNs < 50e6 || w.Voluntary == 0 || w.LongestNs < 50e6 || w.IONs != 0 {
			t.Errorf("%+v; want 50 ms of sleep or more", w)
		}
		if w.Waker.Comm != "sh" || w.Waker.PID == 0 {
			t.Errorf("waker %+v; want the shell that wrote", w.Waker)
		}
		if names := tracer.Symbols(w.Stack); !slices.ContainsFunc(names, func(s string) bool { return strings.Contains(s, "pipe_read") }) {
			t.Errorf("stack %v; want pipe_read in it", names)
		}
		return
	}
	if !gaps(t, tracer) {
		t.Fatal("the slow read was not handed over")
	}
}

// A time-out is nobody's doing.
func TestNobodyWakesASleeper(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{SleepNs: 60e6})
	tracer := slowFrom(t, child, unix.SYS_CLOCK_NANOSLEEP, 20e6)
	child.Run()
	calls := slowCalls(t, tracer)
	if len(calls) == 0 && gaps(t, tracer) {
		return
	}
	if len(calls) != 1 {
		t.Fatalf("%d slow calls; want 1", len(calls))
	}
	if w := wantWaits(t, calls[0]); w.Waker != (Task{}) || w.SleepNs < 50e6 {
		t.Errorf("%+v, waker %+v; want 50 ms of sleep or more, and no waker", w, w.Waker)
	}
}

// Without a clock at its beginning, a call is slow from its first block on.
func TestSlowFromTheFirstBlock(t *testing.T) {
	for name, opts := range findingModes() {
		if timesAll(opts) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			child := bpftest.Start(t, bpftest.Script{Getppid: 1000, PipeReadNs: 60e6})
			opts.Sample = map[Mode]int{ModeAccount: 1000}[opts.Mode]
			tracer := running(t, opts, Filter{PIDFDs: []int{pidfd(t, child)}})
			setThreshold(t, tracer, unix.SYS_READ, 20e6)
			report := child.Run()
			found := 0
			for _, c := range slowCalls(t, tracer) {
				if int(c.TID) != report.TID {
					continue
				}
				found++
				if !c.FirstBlock && !c.Tick || c.StartNs < report.BeforeNs || c.EndNs > report.AfterNs || c.DurationNs() < 50e6 {
					t.Errorf("from %d to %d, first block %v, tick %v; the caller's bracket is %d to %d", c.StartNs, c.EndNs, c.FirstBlock, c.Tick, report.BeforeNs, report.AfterNs)
				}
				if w := wantWaits(t, c); w.SleepNs < 50e6 || c.File == nil || c.File.Kind.String() != "pipe" {
					t.Errorf("%+v on %+v; want 50 ms of sleep on a pipe", w, c.File)
				}
			}
			if found > 1 || found == 0 && !gaps(t, tracer) {
				t.Errorf("%d slow reads; want 1", found)
			}
		})
	}
}

// haveStack says whether the first call has the stack of a wait: a tick may tell of a call
// that is about to leave the CPU.
func haveStack(calls []*SlowCall) bool {
	return len(calls) > 0 && calls[0].Wait != nil && len(calls[0].Wait.Stack) > 0 && calls[0].Wait.Stack[0] != 0
}

// A call that has not returned is found by the sweep, with its stack now.
func TestASweepFindsOpenCalls(t *testing.T) {
	for name, opts := range findingModes() {
		t.Run(name, func(t *testing.T) {
			p := bpftest.NewProgram()
			b := p.Words(0)
			say := call(unix.SYS_WRITE, 1, b, 1)
			process := p.Start(t, call(unix.SYS_GETPPID).Times(40), say, call(unix.SYS_READ, 0, b, 1), exit())
			tracer := running(t, opts, Filter{PIDFDs: []int{pidfdOf(t, process.PID())}})
			setThreshold(t, tracer, unix.SYS_READ, 1e9)
			process.Poke()
			process.Hear() // it is past its release, which is a read too
			process.AwaitStates("S")
			// In state S it may still be about to leave the CPU, which is what mode watch sees.
			var calls []*SlowCall
			for deadline := time.Now().Add(10 * time.Second); !haveStack(calls) && time.Now().Before(deadline); {
				if _, err := tracer.Sweep(0); err != nil {
					t.Fatal(err)
				}
				calls = slowCalls(t, tracer)
			}
			if len(calls) == 0 && gaps(t, tracer) {
				return
			}
			if len(calls) != 1 {
				t.Fatalf("%d open calls; want the read", len(calls))
			}
			c := calls[0]
			if !c.Stuck || int(c.PID) != process.PID() || c.Syscall != own(unix.SYS_READ) || c.File == nil || c.File.Kind.String() != "pipe" {
				t.Errorf("%+v on %+v; want the open read of a pipe", c, c.File)
			}
			if w := wantWaits(t, c); !slices.ContainsFunc(tracer.Symbols(w.Stack), func(s string) bool { return strings.Contains(s, "pipe_read") }) {
				t.Errorf("stack %v; want pipe_read in it", tracer.Symbols(w.Stack))
			}
			if _, err := tracer.Sweep(1 << 40); err != nil {
				t.Fatal(err)
			}
			if calls := slowCalls(t, tracer); len(calls) != 0 {
				t.Errorf("%d open calls older than 18 minutes; want none", len(calls))
			}
			// What has returned nothing has not failed.
			if err := tracer.SetFilter(Filter{PIDFDs: []int{pidfdOf(t, process.PID())}, Failed: true}); err != nil {
				t.Fatal(err)
			}
			if _, err := tracer.Sweep(0); err != nil {
				t.Fatal(err)
			}
			if calls := slowCalls(t, tracer); len(calls) != 0 {
				t.Errorf("%d open calls under a filter of errors; want none", len(calls))
			}
			process.Poke()
			process.Finish()
		})
	}
}
