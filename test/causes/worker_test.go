package causes

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// worker is the state of a child, on its own side.
type worker struct {
	fds   map[string]int
	words map[string]*uint32
	buf   []byte
	input []byte
}

// The main thread is the one that does the jobs: in main itself it is too late to say so,
// the goroutine may have gone to another thread by then.
func init() {
	if isChild() {
		runtime.LockOSThread()
	}
}

func runChild() {
	unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	setComm(os.Getenv(childVariable))
	w := &worker{fds: map[string]int{}, words: map[string]*uint32{}, buf: memory(64 << 20)}
	for {
		j, ok := w.next()
		if !ok {
			return
		}
		r := w.try(j)
		answer(r)
	}
}

func setComm(name string) {
	text := append([]byte(name), 0)
	unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&text[0])), 0, 0, 0)
}

// memory is used page by page as calls need it: only the first pages are there.
func memory(bytes int) []byte {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		panic(err)
	}
	for i := 0; i < 1<<20; i += 4096 {
		b[i] = 1
	}
	return b
}

func (w *worker) next() (job, bool) {
	for {
		if i := strings.IndexByte(string(w.input), '\n'); i >= 0 {
			var j job
			if err := json.Unmarshal(w.input[:i], &j); err != nil {
				panic(err)
			}
			w.input = w.input[i+1:]
			return j, true
		}
		b := make([]byte, 1<<16)
		n, err := unix.Readv(0, [][]byte{b})
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return job{}, false
		}
		w.input = append(w.input, b[:n]...)
	}
}

func answer(r result) {
	line, _ := json.Marshal(r)
	line = append(line, '\n')
	for len(line) > 0 {
		n, err := unix.Writev(1, [][]byte{line})
		if err != nil && err != unix.EINTR {
			os.Exit(1)
		}
		line = line[max(n, 0):]
	}
}

func (w *worker) try(j job) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r = result{Err: fmt.Sprint(j.Op, ": ", p)}
		}
	}()
	do, ok := operations[j.Op]
	if !ok {
		panic("no such operation")
	}
	return do(w, j)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

// open keeps the descriptor for the next job.
func (w *worker) open(path string, flags int) int {
	key := fmt.Sprint(path, flags)
	if fd, ok := w.fds[key]; ok {
		return fd
	}
	fd := must1(unix.Open(path, flags|unix.O_CLOEXEC, 0o600))
	w.fds[key] = fd
	return fd
}

// word is one that all who map the file share.
func (w *worker) word(path string) *uint32 {
	if p := w.words[path]; p != nil {
		return p
	}
	b := must1(unix.Mmap(w.open(path, unix.O_RDWR), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))
	w.words[path] = (*uint32)(unsafe.Pointer(&b[0]))
	return w.words[path]
}

func cpuTime() int64 {
	var ts unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts))
	return ts.Nano()
}

// schedstat is the main thread's, which does the jobs.
var schedstat = sync.OnceValue(func() int { return must1(unix.Open("/proc/thread-self/schedstat", unix.O_RDONLY|unix.O_CLOEXEC, 0)) })

// runDelay is how long the thread has waited for a CPU until now. No rule is about pread64.
func runDelay() int64 {
	var line [64]byte
	n := must1(unix.Pread(schedstat(), line[:], 0))
	fields := strings.Fields(string(line[:n]))
	return must1(strconv.ParseInt(fields[1], 10, 64))
}

// timed makes a call, and takes its bracket.
func timed(nr uintptr, args ...uintptr) result {
	var a [6]uintptr
	copy(a[:], args)
	r := result{TID: unix.Gettid()}
	delay, cpu := runDelay(), cpuTime()
	ret, errno := bracketed(&r, nr, &a)
	r.CPUNs = cpuTime() - cpu
	r.RunDelayNs = runDelay() - delay
	r.Ret = int64(ret)
	if errno != 0 {
		r.Ret = -int64(errno)
	}
	return r
}

// bracketed makes the call between two looks at the clock, and nothing else: a goroutine that has run for 10 ms yields
// at the next function that may have to grow its stack, and its thread sleeps until another one of the process has
// taken it up again. So each function here is one that may not.
//
//go:nosplit
func bracketed(r *result, nr uintptr, a *[6]uintptr) (uintptr, unix.Errno) {
	var before, after unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&before)), 0)
	ret, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&after)), 0)
	r.Before, r.After = inNs(&before), inNs(&after)
	return ret, errno
}

// inNs is Timespec.Nano, of which nothing says that it does not grow the stack.
//
//go:nosplit
func inNs(ts *unix.Timespec) uint64 { return uint64(ts.Sec*1e9 + ts.Nsec) }

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

// sleep is that of an injector: its own time is what it says.
func sleep(ns int64) result {
	r := result{TID: unix.Gettid(), Before: monoNow()}
	for end := r.Before + uint64(ns); ; {
		r.After = monoNow()
		if r.After >= end {
			return r
		}
		ts := unix.NsecToTimespec(int64(end - r.After))
		unix.Nanosleep(&ts, nil)
	}
}

// burn uses a CPU until it is time, and says how long it had none itself.
func burn(ns int64) result {
	r := result{TID: unix.Gettid(), Before: monoNow()}
	last := r.Before
	for {
		r.After = monoNow()
		if r.After-last > 100_000 {
			r.Gaps = append(r.Gaps, [2]uint64{last, r.After})
		}
		last = r.After
		if r.After-r.Before >= uint64(ns) {
			return r
		}
	}
}
