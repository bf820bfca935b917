package causes

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/test/foreground"
)

// A child is this test binary again. One thread of it, locked, does one job
// after the other, by raw system calls; its name is the child's role. It hears of
// a job by readv and answers by writev, which no job uses.

// job is what a child does. What a field means depends on the operation.
type job struct {
	Op   string
	Path string
	Ns   int64
	N    int
	CPU  int
}

// result is what a child says of its job. Times are CLOCK_MONOTONIC, just before
// and after the call; of an injector, of what it injected.
type result struct {
	TID           int
	Before, After uint64
	Ret           int64
	Gaps          [][2]uint64 // between the two, in which the injector itself had no CPU
	CPUNs         int64       // CPU time of the thread between the two
	Peer          *result
	Want          []expected
	Err           string
}

func (r result) ns() int64 { return int64(r.After - r.Before) }

// until is how long the injection lasted until that moment: the injector's own
// gaps are none of it.
func (r result) until(moment uint64) int64 {
	end := min(moment, r.After)
	ns := int64(end) - int64(r.Before)
	for _, gap := range r.Gaps {
		ns -= max(0, int64(min(gap[1], end))-int64(gap[0]))
	}
	return ns
}

const childVariable = "SYSCOUNT_CAUSES_CHILD"

func isChild() bool { return os.Getenv(childVariable) != "" }

// child is a started one.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  *os.File
	out *bufio.Reader
}

// startChild starts a child in a cgroup ("": in that of the test).
func startChild(t testing.TB, role, cgroup string) *child {
	t.Helper()
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command("/proc/self/exe"), in: in, out: bufio.NewReaderSize(out, 1<<20)}
	// Without preemption by signals, which would interrupt the slow calls.
	c.cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=4", childVariable+"="+role)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = childIn, childOut, os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{}
	if cgroup != "" {
		dir, err := os.Open(cgroup)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		c.cmd.SysProcAttr.UseCgroupFD, c.cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	err = c.cmd.Start()
	childIn.Close()
	childOut.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// tell gives the child a job.
func (c *child) tell(j job) {
	c.t.Helper()
	line, _ := json.Marshal(j)
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		c.t.Fatalf("tell the child: %v", err)
	}
}

// hear waits for the result of a job.
func (c *child) hear() result {
	c.t.Helper()
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		c.t.Fatalf("the child ended early: %v", err)
	}
	var r result
	if err := json.Unmarshal(line, &r); err != nil {
		c.t.Fatalf("the child said %q: %v", line, err)
	}
	if r.Err != "" {
		c.t.Fatalf("the child: %s", r.Err)
	}
	return r
}

func (c *child) do(j job) result {
	c.t.Helper()
	c.tell(j)
	return c.hear()
}

// awaitCall waits until the child's first thread, which does the jobs, sleeps in a
// call of this number.
func (c *child) awaitCall(nr int) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			now, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", c.pid()))
			c.t.Logf("process %d, state %c, is in call %s", c.pid(), stateOf(c.pid()), now)
		}
	}()
	await(c.t, fmt.Sprintf("sleep in call %d", nr), func() bool { return inCall(c.pid(), c.pid(), nr) })
}

func inCall(pid, tid, nr int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	return strings.HasPrefix(string(text), strconv.Itoa(nr)+" ")
}

// threadsIn is how many threads of the child sleep in a call of this number on this
// kind of file.
func (c *child) threadsIn(nr int) int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", c.pid()))
	n := 0
	for _, task := range tasks {
		tid, _ := strconv.Atoi(filepath.Base(task))
		if inCall(c.pid(), tid, nr) {
			n++
		}
	}
	return n
}

func stateOf(pid int) byte {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return stat[strings.LastIndexByte(string(stat), ')')+2]
}

// kill ends the child and reaps it; again is harmless.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	}
	c.in.Close()
}

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

// timed makes a call, and takes its bracket.
func timed(nr uintptr, args ...uintptr) result {
	var a [6]uintptr
	copy(a[:], args)
	r := result{TID: unix.Gettid()}
	cpu := cpuTime()
	r.Before = monoNow()
	ret, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	r.After = monoNow()
	r.CPUNs = cpuTime() - cpu
	r.Ret = int64(ret)
	if errno != 0 {
		r.Ret = -int64(errno)
	}
	return r
}

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

// operations are what children can do.
var operations map[string]func(*worker, job) result

func init() {
	operations = map[string]func(*worker, job) result{
		"nothing": func(*worker, job) result { return result{TID: unix.Gettid()} },
		"pin": func(w *worker, j job) result {
			var set unix.CPUSet
			set.Set(j.CPU)
			must(unix.SchedSetaffinity(0, &set))
			return result{}
		},
		"first in line": func(w *worker, j job) result { // SCHED_FIFO
			must(unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 50}, 0))
			return result{}
		},

		// The slow calls.
		"read new": func(w *worker, j job) result {
			fd := must1(unix.Open(j.Path, unix.O_RDONLY, 0))
			r := timed(unix.SYS_READ, uintptr(fd), address(w.buf), 64)
			unix.Close(fd)
			return r
		},
		"open new": func(w *worker, j job) result {
			w.open(j.Path, unix.O_RDONLY)
			return result{}
		},
		"read": func(w *worker, j job) result {
			return timed(unix.SYS_READ, uintptr(w.open(j.Path, unix.O_RDONLY)), address(w.buf), 64)
		},
		"read fifo": func(w *worker, j job) result {
			return timed(unix.SYS_READ, uintptr(w.open(j.Path, unix.O_RDWR)), address(w.buf), 64)
		},
		"fsync": func(w *worker, j job) result {
			fd := w.open(j.Path, unix.O_RDWR|unix.O_CREAT)
			must1(unix.Pwrite(fd, w.buf[:4096], int64(j.N)*4096))
			return timed(unix.SYS_FSYNC, uintptr(fd))
		},
		"flock": func(w *worker, j job) result { // and keeps it
			return timed(unix.SYS_FLOCK, uintptr(w.open(j.Path, unix.O_RDWR)), unix.LOCK_EX)
		},
		"fcntl": func(w *worker, j job) result { // likewise
			lock := &unix.Flock_t{Type: unix.F_WRLCK}
			return timed(unix.SYS_FCNTL, uintptr(w.open(j.Path, unix.O_RDWR)), unix.F_SETLKW, uintptr(unsafe.Pointer(lock)))
		},
		"flock and unlock": func(w *worker, j job) result {
			fd := w.open(j.Path, unix.O_RDWR)
			r := timed(unix.SYS_FLOCK, uintptr(fd), unix.LOCK_EX)
			must(unix.Flock(fd, unix.LOCK_UN))
			return r
		},
		"futex": func(w *worker, j job) result {
			word := w.word(j.Path)
			atomic.StoreUint32(word, 0)
			return timed(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 0 /* FUTEX_WAIT */, 0, 0)
		},
		"nanosleep": func(w *worker, j job) result {
			ts := unix.NsecToTimespec(j.Ns)
			return timed(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)))
		},
		"getrandom": func(w *worker, j job) result {
			return timed(unix.SYS_GETRANDOM, address(w.buf), uintptr(j.N), 0)
		},
		"read random numbers": func(w *worker, j job) result { // N MiB, into the same MiB
			fd := w.open("/dev/urandom", unix.O_RDONLY)
			vectors := make([]unix.Iovec, min(j.N, 1024))
			for i := range vectors {
				vectors[i].Base, vectors[i].Len = &w.buf[0], 1<<20
			}
			return timed(unix.SYS_PREADV, uintptr(fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(vectors)), 0)
		},
		"read and seek": readAndSeek,

		// The injectors.
		"sleep and write": func(w *worker, j job) result {
			fd := w.open(j.Path, unix.O_WRONLY)
			r := sleep(j.Ns)
			must1(unix.Write(fd, []byte{1}))
			return r
		},
		"sleep and unlock": func(w *worker, j job) result {
			r := sleep(j.Ns)
			must(unix.Flock(w.open(j.Path, unix.O_RDWR), unix.LOCK_UN))
			return r
		},
		"sleep and wake": func(w *worker, j job) result {
			word := w.word(j.Path)
			r := sleep(j.Ns)
			atomic.StoreUint32(word, 1)
			unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 1 /* FUTEX_WAKE */, 1, 0, 0, 0)
			return r
		},
		"burn": func(w *worker, j job) result { return burn(j.Ns) },
		"make short calls": func(w *worker, j job) result {
			for end := monoNow() + uint64(j.Ns); monoNow() < end; {
				for range 1000 {
					unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
				}
			}
			return result{}
		},
		"write and burn": func(w *worker, j job) result {
			must1(unix.Write(w.open(j.Path, unix.O_WRONLY), []byte{1}))
			return burn(j.Ns)
		},
		"work and write": func(w *worker, j job) result { // until it has had so much CPU time
			fd := w.open(j.Path, unix.O_WRONLY)
			r := result{TID: unix.Gettid(), Before: monoNow()}
			begin := cpuTime()
			for r.CPUNs < j.Ns {
				r.CPUNs = cpuTime() - begin
			}
			r.After = monoNow()
			must1(unix.Write(fd, []byte{1}))
			return r
		},

		"open many": openMany,
		"read all":  readAll,
		"paths":     walkPaths,
	}
}

// readAndSeek: one thread reads, and holds the lock of the file's position for as
// long as that takes; another one, whose calls are the slow ones, wants it.
func readAndSeek(w *worker, j job) result {
	fd := must1(unix.Open(j.Path, unix.O_RDONLY, 0))
	defer unix.Close(fd)
	var peer result
	var began atomic.Bool
	var holder sync.WaitGroup
	holder.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		setComm("holder")
		peer = result{TID: unix.Gettid(), Before: monoNow()}
		began.Store(true)
		unix.RawSyscall(unix.SYS_READ, uintptr(fd), address(w.buf), 64)
		peer.After = monoNow()
	})
	for !began.Load() {
		runtime.Gosched()
	}
	sleep(5e6)
	r := timed(unix.SYS_LSEEK, uintptr(fd), 0, 0)
	holder.Wait()
	r.Peer = &peer
	return r
}

// openMany opens the file N times.
func openMany(w *worker, j job) result {
	for i := range j.N {
		w.fds[fmt.Sprint("many", i)] = must1(unix.Open(j.Path, unix.O_RDONLY, 0))
	}
	return result{}
}

// readAll reads all of these, each in a thread of its own.
func readAll(w *worker, j job) result {
	r := result{TID: unix.Gettid(), Before: monoNow()}
	var readers sync.WaitGroup
	for i := range j.N {
		readers.Go(func() {
			runtime.LockOSThread()
			setComm("caller")
			b := make([]byte, 64)
			unix.Syscall(unix.SYS_READ, uintptr(w.fds[fmt.Sprint("many", i)]), address(b), 64)
		})
	}
	readers.Wait()
	r.After = monoNow()
	return r
}

// fuse is a file system whose calls take a known time, or none until it is
// suspended.
type fuse struct {
	cmd  *exec.Cmd
	file string
}

func mountFuse(t testing.TB, binary string, delay time.Duration, ops string) *fuse {
	t.Helper()
	dir, err := os.MkdirTemp(tempDir(t), "fuse")
	if err != nil {
		t.Fatal(err)
	}
	f := &fuse{cmd: exec.Command(binary, "-mount", dir, "-delay", delay.String(), "-ops", ops), file: filepath.Join(dir, "slow")}
	t.Cleanup(f.unmount)
	foreground.Ready(t, f.cmd)
	return f
}

// suspend returns when none of its threads runs any more.
func (f *fuse) suspend(t testing.TB) {
	f.cmd.Process.Signal(syscall.SIGSTOP)
	tasks := fmt.Sprintf("/proc/%d/task/", f.cmd.Process.Pid)
	await(t, "suspended file system", func() bool {
		threads, err := os.ReadDir(tasks)
		return err == nil && !slices.ContainsFunc(threads, func(d os.DirEntry) bool {
			stat, err := os.ReadFile(tasks + d.Name() + "/stat")
			return err != nil || stat[strings.LastIndexByte(string(stat), ')')+2] != 'T'
		})
	})
}

func (f *fuse) resume() { f.cmd.Process.Signal(syscall.SIGCONT) }

// unmount: again is harmless.
func (f *fuse) unmount() {
	if f.cmd.Process == nil || f.cmd.ProcessState != nil {
		return
	}
	f.resume()
	f.cmd.Process.Signal(syscall.SIGTERM)
	f.cmd.Wait()
	unix.Unmount(filepath.Dir(f.file), unix.MNT_DETACH)
}
