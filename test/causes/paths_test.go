package causes

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/test/foreground"
)

// pathCalls are those that are made, in turn: of each only a few in a unit, or
// they would be an incident. Their threshold is so low that all are slow.
var pathCalls = []string{"read", "write", "pread64", "pwrite64", "preadv", "pwritev", "sendto", "recvfrom"}

const pathsPolicy = `[stuck]
after = "never"
[[rule]]
name = "all"
syscalls = ["read", "write", "pread64", "pwrite64", "preadv", "pwritev", "sendto", "recvfrom"]
comms = ["walker"]
threshold = "1us"
`

// expected is what the record of a call has to tell.
type expected struct {
	What    string // the scenario
	Syscall string
	Kind    string
	Path    string
	Deleted bool
	Socket  record.Socket
}

// chunk is what a call moves: no computer does it within a microsecond, and it
// fits into a pipe.
const chunk = 48 << 10

// walk is the part of a child that makes calls on all kinds of files.
type walk struct {
	*worker
	dir    string
	want   []expected
	closer atomic.Int32 // the descriptor that the other thread has to close; 0: none
	last   func()
}

// walkPaths makes the calls. The last one is made when the result has been told,
// and the process ends right after it.
func walkPaths(w *worker, j job) result {
	k := &walk{worker: w, dir: j.Path}
	go k.closeSoon()
	must(unix.Unshare(unix.CLONE_NEWNS))
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	k.file("ext4", k.path("file"), 0)
	k.file("tmpfs", k.mount("tmpfs", "tmpfs", "", 0)+"/file", 0)
	k.file("bind mount", k.mount("bound", "", k.mkdir("origin"), unix.MS_BIND)+"/file", 0)
	k.file("bind mount in another", k.mkdirAt(k.mount("tmpfs2", "tmpfs", "", 0)+"/a")+"/file", 0)
	for _, dir := range []string{"lower", "upper", "work"} {
		k.mkdir(dir)
	}
	k.touch(k.path("lower/file"))
	overlay := k.mkdir("merged")
	must(unix.Mount("overlay", overlay, "overlay", 0, fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", k.dir, k.dir, k.dir)))
	k.file("overlayfs, copied up", overlay+"/file", 0)
	k.file("overlayfs, new", overlay+"/new", 0)
	k.deleted()
	k.memfd()
	k.pipe()
	k.unix("unix socket", k.path("socket"))
	k.unix("abstract unix socket", fmt.Sprintf("@walker-%d", unix.Getpid()))
	k.tcp("tcp over IPv4", &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, unix.AF_INET)
	k.tcp("tcp over IPv6", &unix.SockaddrInet6{Addr: [16]byte{15: 1}}, unix.AF_INET6)
	k.closed()
	k.file("the last one", k.path("last"), j.N)
	// The last call has been planned by now, and not been made.
	answer(result{TID: unix.Gettid(), Want: k.want})
	k.last()
	unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	panic("not reached")
}

func (k *walk) path(name string) string { return filepath.Join(k.dir, name) }

func (k *walk) mkdir(name string) string { return k.mkdirAt(k.path(name)) }

func (k *walk) mkdirAt(path string) string {
	must(unix.Mkdir(path, 0o700))
	return path
}

func (k *walk) touch(path string) {
	unix.Close(must1(unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)))
}

func (k *walk) mount(name, kind, from string, flags uintptr) string {
	dir := k.mkdir(name)
	must(unix.Mount(from, dir, kind, flags, ""))
	return dir
}

// call makes one of the calls, all of which move as much.
func (k *walk) call(e expected, name string, fd int) {
	e.Syscall = name
	k.want = append(k.want, e)
	k.make(name, fd)
}

func (k *walk) make(name string, fd int) {
	vector := unix.Iovec{Base: &k.buf[0], Len: chunk}
	args := map[string][6]uintptr{
		"preadv": {1: uintptr(unsafe.Pointer(&vector)), 2: 1}, "pwritev": {1: uintptr(unsafe.Pointer(&vector)), 2: 1},
	}[name]
	if args[1] == 0 {
		args[1], args[2] = address(k.buf), chunk
	}
	nr := map[string]uintptr{
		"read": unix.SYS_READ, "write": unix.SYS_WRITE, "pread64": unix.SYS_PREAD64, "pwrite64": unix.SYS_PWRITE64,
		"preadv": unix.SYS_PREADV, "pwritev": unix.SYS_PWRITEV, "sendto": unix.SYS_SENDTO, "recvfrom": unix.SYS_RECVFROM,
	}[name]
	n, _, errno := unix.RawSyscall6(nr, uintptr(fd), args[1], args[2], args[3], args[4], args[5])
	if errno != 0 || n == 0 {
		panic(fmt.Sprintf("%s of %d: %d, %v", name, fd, n, errno))
	}
}

// onFiles are the calls on files in turn.
func (k *walk) next(kinds ...string) string {
	count := func(name string) int {
		n := 0
		for _, e := range k.want {
			if e.Syscall == name {
				n++
			}
		}
		return n
	}
	return slices.MinFunc(kinds, func(a, b string) int { return count(a) - count(b) })
}

// file writes and reads; with calls left out: only plans to write.
func (k *walk) file(what, path string, onlyLast int) {
	fd := must1(unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600))
	e := expected{What: what, Kind: "file", Path: path}
	if onlyLast != 0 {
		e.Syscall = "pwrite64"
		k.want = append(k.want, e)
		k.last = func() { k.make("pwrite64", fd) }
		return
	}
	k.call(e, k.next("pwrite64", "pwritev"), fd)
	k.call(e, k.next("pread64", "preadv"), fd)
	unix.Close(fd)
}

func (k *walk) deleted() {
	path := k.path("deleted")
	fd := must1(unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600))
	must(unix.Unlink(path))
	k.call(expected{What: "deleted file", Kind: "file", Path: path, Deleted: true}, "write", fd)
	unix.Close(fd)
}

func (k *walk) memfd() {
	fd := must1(unix.MemfdCreate("scratch", unix.MFD_CLOEXEC))
	k.call(expected{What: "memfd", Kind: "file", Path: "/memfd:scratch"}, "write", fd)
	unix.Close(fd)
}

func (k *walk) pipe() {
	var p [2]int
	must(unix.Pipe2(p[:], unix.O_CLOEXEC))
	e := expected{What: "pipe", Kind: "pipe"}
	k.call(e, "write", p[1])
	k.call(e, "read", p[0])
	unix.Close(p[0])
	unix.Close(p[1])
}

func (k *walk) unix(what, path string) {
	server := must1(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Bind(server, &unix.SockaddrUnix{Name: path}))
	must(unix.Listen(server, 1))
	client := must1(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Connect(client, &unix.SockaddrUnix{Name: path}))
	accepted, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
	must(err)
	s := record.Socket{Family: "unix", Type: "stream", State: "established", Path: path, PeerPID: uint32(unix.Getpid())}
	e := expected{What: what, Kind: "socket", Socket: s}
	k.call(e, "sendto", client)
	k.call(e, "recvfrom", accepted)
	for _, fd := range []int{server, client, accepted} {
		unix.Close(fd)
	}
}

func addressOf(sa unix.Sockaddr, err error) string {
	must(err)
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return fmt.Sprintf("127.0.0.1:%d", a.Port)
	case *unix.SockaddrInet6:
		return fmt.Sprintf("[::1]:%d", a.Port)
	}
	panic("no such family")
}

func (k *walk) tcp(what string, at unix.Sockaddr, family int) {
	server := must1(unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Bind(server, at))
	must(unix.Listen(server, 1))
	at = must1(unix.Getsockname(server))
	client := must1(unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Connect(client, at))
	accepted, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
	must(err)
	ours, theirs := addressOf(unix.Getsockname(client)), addressOf(at, nil)
	s := record.Socket{Family: map[int]string{unix.AF_INET: "inet", unix.AF_INET6: "inet6"}[family], Type: "stream", Protocol: "tcp", State: "established", Local: ours, Remote: theirs}
	k.call(expected{What: what + ", client", Kind: "socket", Socket: s}, "sendto", client)
	s.Local, s.Remote = theirs, ours
	k.call(expected{What: what + ", server", Kind: "socket", Socket: s}, "recvfrom", accepted)
	for _, fd := range []int{server, client, accepted} {
		unix.Close(fd)
	}
}

// closeSoon closes a descriptor as soon as it is told.
func (k *walk) closeSoon() {
	runtime.LockOSThread()
	setComm("closer")
	for {
		if fd := k.closer.Swap(0); fd != 0 {
			unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
			k.closer.Store(-1)
			for k.closer.Load() == -1 {
				time.Sleep(time.Millisecond)
			}
			return
		}
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

// closed: the call has just returned, and the descriptor is gone, or another file's.
func (k *walk) closed() {
	fd := must1(unix.Open(k.path("closed"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600))
	e := expected{What: "closed by another thread", Kind: "file", Path: k.path("closed")}
	k.call(e, "pwritev", fd)
	k.closer.Store(int32(fd))
	for k.closer.Load() != -1 {
		runtime.Gosched()
	}
	k.closer.Store(-2)
	fd = must1(unix.Open(k.path("replaced"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600))
	other := must1(unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0))
	k.call(expected{What: "replaced", Kind: "file", Path: k.path("replaced")}, "write", fd)
	must(unix.Dup3(other, fd, unix.O_CLOEXEC))
	unix.Close(fd)
	unix.Close(other)
}

// What a call was on is known in all cases, whatever becomes of the descriptor or
// the process after it.
func TestPaths(t *testing.T) {
	needRoot(t)
	n := numberOf(t, pathsVariable, pathsDefault)
	h := newHost(t)
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyFor(h, pathsPolicy))
	want, units, calls := map[int][]expected{}, map[int]string{}, 0
	began := time.Now()
	for i := 0; calls < n; i++ {
		unit := fmt.Sprintf("walker-%d.service", i)
		r := walkIn(t, h, unit, "paths", 1)
		want[r.TID], units[r.TID] = r.Want, unit
		calls += len(r.Want)
		// The policy lets 150 records pass in a second, once 5000 at once.
		time.Sleep(time.Until(began.Add(time.Duration(calls-4000) * time.Second / 140)))
	}
	s.Await("records of all calls", func(r *foreground.Records) bool { return len(r.Slow) >= calls })
	got := stop(t, s)
	if len(got.Slow) != calls || len(got.Incidents) != 0 {
		t.Errorf("%d slow records, %d of incidents; want %d, 0", len(got.Slow), len(got.Incidents), calls)
	}
	byThread := map[int][]*record.Slow{}
	for _, r := range got.Slow {
		byThread[int(r.Process.TID)] = append(byThread[int(r.Process.TID)], r)
	}
	right := map[string]int{}
	for tid, expect := range want {
		rs := byThread[tid]
		slices.SortFunc(rs, func(a, b *record.Slow) int { return int(a.Monotonic.StartNs) - int(b.Monotonic.StartNs) })
		if len(rs) != len(expect) {
			t.Errorf("%d records of %s; want %d", len(rs), units[tid], len(expect))
			continue
		}
		for i, e := range expect {
			if e.isIn(t, rs[i], units[tid]) {
				right[e.What]++
			}
		}
	}
	sum := 0
	for _, n := range right {
		sum += n
	}
	t.Logf("%d of %d calls of %d processes are right: %v", sum, calls, len(want), right)
}

// walkIn has a process of a unit make its calls, to its end.
func walkIn(t *testing.T, h *host, unit, op string, n int) result {
	t.Helper()
	c := startChild(t, "walker", h.unit(unit))
	c.tell(job{Op: op, Path: tempDir(t), N: n})
	r := c.hear()
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("the walker: %v", err)
	}
	return r
}

// isIn holds a record against what is expected.
func (e expected) isIn(t *testing.T, r *record.Slow, unit string) bool {
	t.Helper()
	if r.Syscall.Name != e.Syscall || r.File == nil {
		t.Errorf("%s: %s on %+v; want %s: %s", e.What, r.Syscall.Name, r.File, e.Syscall, r.Msg)
		return false
	}
	f := r.File
	var socket record.Socket
	if f.Socket != nil {
		socket = *f.Socket
	}
	if f.Kind != e.Kind || f.Path != e.Path || f.Deleted != e.Deleted || f.PathCut || socket != e.Socket || f.Inode == 0 {
		t.Errorf("%s: %+v, socket %+v; want %+v", e.What, f, socket, e)
		return false
	}
	if r.Systemd.Unit != unit || !strings.HasSuffix(r.Process.Executable.Path, ".test") || r.Syscall.Ret <= 0 {
		t.Errorf("%s: %s, program %q, result %d; want %s, this program", e.What, r.Systemd.Unit, r.Process.Executable.Path, r.Syscall.Ret, unit)
		return false
	}
	return true
}
