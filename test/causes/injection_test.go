package causes

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
)

// scene is where the calls of one cause are made.
type scene struct {
	*testing.T
	host   *host
	dir    string // on a disk
	fuse   string // the program fusedelay
	random *rand.Rand

	unfound *atomic.Uint64 // calls without a record in mode watch

	units    int
	made     int    // calls of this caller
	unit     string // of the caller
	caller   *child
	newcomer func(*child) // what a new caller is told first; nil: nothing
	injector *child
	quota    string // a cgroup of the CPU controller
}

// perCaller is how many calls one caller makes: from five of a unit at one
// place on, they would be an incident.
const perCaller = 4

// next gives the caller of the next call.
func (s *scene) next() *child {
	if s.caller == nil || s.made == perCaller {
		s.units++
		s.made = 0
		if s.caller != nil {
			s.caller.kill()
		}
		s.unit = fmt.Sprintf("%s-%d.service", strings.ReplaceAll(filepath.Base(s.Name()), "_", "-"), s.units)
		s.caller = startChild(s, "caller", s.host.unit(s.unit))
		s.caller.do(job{Op: "nothing"})
		if s.newcomer != nil {
			s.newcomer(s.caller)
		}
	}
	s.made++
	return s.caller
}

// helper starts who injects.
func (s *scene) helper() *child {
	if s.injector == nil {
		s.injector = startChild(s, "injector", "")
	}
	return s.injector
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) fifo(name string) string {
	path := s.path(name)
	if err := unix.Mkfifo(path, 0o600); err != nil && err != unix.EEXIST {
		s.Fatal(err)
	}
	return path
}

func (s *scene) file(name string) string {
	path := s.path(name)
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return path
}

// injection is what was done to a call, by who did it.
type injection struct {
	call    result // as its caller saw it
	ns      int64
	until   func(uint64) int64 // the same, when the call ended at that moment
	waker   int                // PID; 0: it does not matter
	blocker int                // TID
	held    uint64             // for how long the caller's quota was used up around the call, and in it
	skip    bool
	more    func(*record.Wait) // further tests
}

// cause is one that is injected.
type cause struct {
	name    string
	syscall string
	most    time.Duration // 0: no limit
	inject  func(*scene, int, time.Duration) injection
	share   func(*record.Wait) uint64 // what it has to be in the record
	io      bool                      // the share of what is not run queue is judged: nobody knows how long it was injected
	onCPU   bool                      // the call burns CPU
	classes []string
	sites   []string // parts of their names
}

func sleepOf(w *record.Wait) uint64    { return w.SleepNs }
func ioOf(w *record.Wait) uint64       { return w.IOWaitNs }
func cpuOf(w *record.Wait) uint64      { return w.CPUNs }
func runqueueOf(w *record.Wait) uint64 { return w.RunqueueNs }

var causes = []cause{
	{name: "fuse", syscall: "read", share: sleepOf, classes: []string{"fuse"}, sites: []string{"request_wait_answer"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			f := mountFuse(s, s.fuse, d, "read")
			defer f.unmount()
			return injection{call: s.next().do(job{Op: "read new", Path: f.file}), ns: int64(d), waker: f.cmd.Process.Pid}
		}},
	{name: "fsync", syscall: "fsync", share: ioOf, io: true,
		classes: []string{"block flush", "journal commit", "writeback", "journal space", "block queue", "block I/O", "page lock", "metadata read"},
		sites:   []string{"blkdev_issue_flush", "folio_wait", "jbd2", "ext4", "filemap", "file_write_and_wait", "rq_qos_wait", "wbt_wait", "blk_mq_get_tag", "wait_transaction", "start_this_handle", "wait_on", "sync_dirty_buffer", "fsync_buffers_list"},
		inject: func(s *scene, i int, _ time.Duration) injection {
			var r result
			for range 200 {
				r = s.next().do(job{Op: "fsync", Path: s.path("synced"), N: i})
				if r.ns() >= int64(fsyncSlow) {
					return injection{call: r}
				}
			}
			s.Logf("the disk writes so fast that no fsync of 200 took %v", fsyncSlow)
			return injection{skip: true}
		}},
	{name: "pipe", syscall: "read", share: sleepOf, classes: []string{"pipe"}, sites: []string{"pipe_read"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.fifo("fifo"), s.next()
			caller.tell(job{Op: "read fifo", Path: path})
			caller.awaitCall(unix.SYS_READ)
			slept := s.helper().do(job{Op: "sleep and write", Path: path, Ns: int64(d)})
			return injection{call: caller.hear(), ns: slept.ns(), waker: s.helper().pid()}
		}},
	{name: "flock", syscall: "flock", share: sleepOf, classes: []string{"file lock"}, sites: []string{"lock"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.file("locked"), s.next()
			s.helper().do(job{Op: "flock", Path: path})
			caller.tell(job{Op: "flock and unlock", Path: path})
			caller.awaitCall(unix.SYS_FLOCK)
			held := s.helper().do(job{Op: "sleep and unlock", Path: path, Ns: int64(d)})
			return injection{call: caller.hear(), ns: held.ns(), waker: s.helper().pid()}
		}},
	{name: "futex", syscall: "futex", share: sleepOf, classes: []string{"futex"}, sites: []string{"futex"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.file("shared"), s.next()
			caller.tell(job{Op: "futex", Path: path})
			caller.awaitCall(unix.SYS_FUTEX)
			held := s.helper().do(job{Op: "sleep and wake", Path: path, Ns: int64(d)})
			return injection{call: caller.hear(), ns: held.ns(), waker: s.helper().pid()}
		}},
	{name: "kernel lock", syscall: "lseek", share: ioOf, classes: []string{"kernel lock"}, sites: []string{"lseek", "fdget_pos", "mutex"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			f := mountFuse(s, s.fuse, d+10*time.Millisecond, "read")
			defer f.unmount()
			r := s.next().do(job{Op: "read and seek", Path: f.file})
			held := int64(r.Peer.Before) + int64(d+10*time.Millisecond) - int64(r.Before)
			return injection{call: r, ns: held, waker: s.caller.pid(), blocker: r.Peer.TID}
		}},
	{name: "stopped", syscall: "read", share: func(w *record.Wait) uint64 { return w.StoppedNs },
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.fifo("fifo"), s.next()
			caller.tell(job{Op: "read fifo", Path: path})
			caller.awaitCall(unix.SYS_READ)
			stopped := s.stop(caller, d)
			caller.awaitCall(unix.SYS_READ)
			s.helper().do(job{Op: "sleep and write", Path: path, Ns: 1e6})
			return injection{call: caller.hear(), ns: stopped}
		}},
	{name: "stopped sleeper", syscall: "clock_nanosleep", share: func(w *record.Wait) uint64 { return w.StoppedNs },
		inject: func(s *scene, _ int, d time.Duration) injection {
			caller := s.next()
			caller.tell(job{Op: "nanosleep", Ns: 300e6})
			caller.awaitCall(unix.SYS_CLOCK_NANOSLEEP)
			stopped := s.stop(caller, d)
			return injection{call: caller.hear(), ns: stopped}
		}},
	{name: "frozen", syscall: "read", share: func(w *record.Wait) uint64 { return w.FrozenNs },
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.fifo("fifo"), s.next()
			caller.tell(job{Op: "read fifo", Path: path})
			caller.awaitCall(unix.SYS_READ)
			frozen := s.freeze(d)
			caller.awaitCall(unix.SYS_READ) // mode watch sees the end only of what waits once more
			s.helper().do(job{Op: "sleep and write", Path: path, Ns: 5e6})
			return injection{call: caller.hear(), ns: frozen}
		}},
	{name: "hog after sleep", syscall: "read", most: hogMost, share: runqueueOf, classes: []string{"pipe"}, sites: []string{"pipe_read"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.fifo("fifo"), s.onOneCPU()
			caller.tell(job{Op: "read fifo", Path: path})
			caller.awaitCall(unix.SYS_READ)
			time.Sleep(20 * time.Millisecond) // nobody keeps in mind who woke up whom after less than a tick
			hogged := s.helper().do(job{Op: "write and burn", Path: path, Ns: int64(d)})
			call := caller.hear()
			return injection{call: call, until: hogged.until, waker: s.helper().pid()}
		}},
	{name: "hog meanwhile", syscall: "preadv", onCPU: true, most: hogMost, share: runqueueOf, classes: []string{"CPU"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			caller := s.onOneCPU()
			caller.tell(job{Op: "read random numbers", N: 128})
			time.Sleep(10 * time.Millisecond)
			hogged := s.helper().do(job{Op: "burn", Ns: int64(d)})
			call := caller.hear()
			return injection{call: call, until: hogged.until, skip: hogged.Before < call.Before || hogged.Before > call.After}
		}},
	{name: "cpu", syscall: "preadv", onCPU: true, share: cpuOf,
		inject: func(s *scene, _ int, d time.Duration) injection {
			r := s.next().do(job{Op: "read random numbers", N: int(d.Milliseconds()/4) + 4})
			return injection{call: r, ns: r.CPUNs}
		}},
	{name: "cpu at once", syscall: "getrandom", onCPU: true, most: 100 * time.Millisecond, share: cpuOf,
		inject: func(s *scene, _ int, d time.Duration) injection {
			r := s.next().do(job{Op: "getrandom", N: min(max(int(d.Milliseconds()), 8)<<20/2, 64<<20)})
			return injection{call: r, ns: r.CPUNs}
		}},
	{name: "quota", syscall: "read", share: sleepOf, classes: []string{"pipe"}, sites: []string{"pipe_read"},
		inject: func(s *scene, _ int, d time.Duration) injection {
			path, caller := s.fifo("fifo"), s.underQuota()
			before := throttled(s, s.quota)
			caller.tell(job{Op: "read fifo", Path: path})
			caller.awaitCall(unix.SYS_READ)
			worked := s.helper().do(job{Op: "work and write", Path: path, Ns: max(int64(d)/10, 10e6)})
			call := caller.hear()
			after := throttled(s, s.quota)
			return injection{call: call, ns: worked.ns(), waker: s.helper().pid(), held: after - before, more: func(w *record.Wait) {
				if off := w.RunqueueNs + w.IOWaitNs + w.SleepNs; w.ThrottledNs == 0 || w.ThrottledNs > after-before || w.ThrottledNs > off {
					s.Errorf("throttled_ns %d; the cgroup says %d, and the call was off the CPU for %d", w.ThrottledNs, after-before, off)
				}
			}}
		}},
}

const (
	// The scheduler gives others 50 ms of each second, whoever is first in line.
	hogMost   = 800 * time.Millisecond
	fsyncSlow = 20 * time.Millisecond

	quotaPeriod = 20 * time.Millisecond // a tenth of it may be used
)

// stop stops the caller for so long, and says how long it was.
func (s *scene) stop(c *child, d time.Duration) int64 {
	unix.Kill(c.pid(), unix.SIGSTOP)
	await(s, "stop", func() bool { return stateOf(c.pid()) == 'T' })
	begin := monoNow()
	time.Sleep(d)
	end := monoNow()
	unix.Kill(c.pid(), unix.SIGCONT)
	return int64(end - begin)
}

// freeze does as systemctl freeze.
func (s *scene) freeze(d time.Duration) int64 {
	dir := filepath.Join(s.host.slice.Dir, s.unit)
	write(s, filepath.Join(dir, "cgroup.freeze"), "1")
	await(s, "frozen cgroup", func() bool {
		events, _ := os.ReadFile(filepath.Join(dir, "cgroup.events"))
		return strings.Contains(string(events), "frozen 1")
	})
	begin := monoNow()
	time.Sleep(d)
	end := monoNow()
	write(s, filepath.Join(dir, "cgroup.freeze"), "0")
	return int64(end - begin)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// onOneCPU gives a caller on the same CPU as the injector, which is first in line
// there.
func (s *scene) onOneCPU() *child {
	cpu := runtime.NumCPU() - 1
	if s.injector == nil {
		s.helper().do(job{Op: "pin", CPU: cpu})
		s.helper().do(job{Op: "first in line"})
	}
	s.newcomer = func(c *child) { c.do(job{Op: "pin", CPU: cpu}) }
	return s.next()
}

// underQuota gives a caller in the injector's cgroup of the CPU controller, which
// may use a tenth of a CPU.
func (s *scene) underQuota() *child {
	if s.quota == "" {
		s.quota = newQuota(s)
		write(s, filepath.Join(s.quota, "cgroup.procs"), strconv.Itoa(s.helper().pid()))
	}
	s.newcomer = func(c *child) { write(s, filepath.Join(s.quota, "cgroup.procs"), strconv.Itoa(c.pid())) }
	return s.next()
}

// newQuota makes that cgroup, in the hierarchy that has the CPU controller.
func newQuota(s *scene) string {
	s.Helper()
	name := fmt.Sprintf("syscount-causes-%d", os.Getpid())
	v1 := filepath.Join("/sys/fs/cgroup/cpu", name)
	if err := os.Mkdir(v1, 0o755); err == nil {
		s.Cleanup(func() { exec.Command("rmdir", v1).Run() })
		write(s, filepath.Join(v1, "cpu.cfs_period_us"), strconv.FormatInt(quotaPeriod.Microseconds(), 10))
		write(s, filepath.Join(v1, "cpu.cfs_quota_us"), strconv.FormatInt(quotaPeriod.Microseconds()/10, 10))
		return v1
	}
	v2 := s.host.unit("quota")
	write(s, filepath.Join(v2, "cpu.max"), fmt.Sprint(quotaPeriod.Microseconds()/10, quotaPeriod.Microseconds()))
	return v2
}

// throttled is the cgroup's own counter, in nanoseconds.
func throttled(s *scene, dir string) uint64 {
	s.Helper()
	stat, err := os.ReadFile(filepath.Join(dir, "cpu.stat"))
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.Lines(string(stat)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseUint(value, 10, 64)
		switch key {
		case "throttled_time":
			return n
		case "throttled_usec":
			return n * 1000
		}
	}
	return 0
}
