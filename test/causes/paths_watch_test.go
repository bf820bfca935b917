package causes

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/test/foreground"
)

// Mode watch sees calls that wait, or that burn CPU for longer than a tick: of the walk
// these are reads that take so long, of files with nothing in them, and of pipes and
// sockets of which the other end is late.

const longWalkPolicy = `[stuck]
after = "never"
[[rule]]
name = "reads"
syscalls = ["preadv", "read", "recvfrom"]
comms = ["walker"]
threshold = "2ms"
`

const (
	// What a read takes so long for: memory's holes are read at some 20 GB a second, a disk's
	// have to get their pages first.
	memoryHole, diskHole = 1000, 128 // MiB

	late = 30 * time.Millisecond
)

// walkLong is walkPaths for mode watch, in two parts: more slow calls of a unit at one place
// would be an incident.
func walkLong(w *worker, j job) result {
	k := &walk{worker: w, dir: j.Path}
	must(unix.Unshare(unix.CLONE_NEWNS))
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	if j.N%2 == 0 {
		k.longFiles()
		answer(result{TID: unix.Gettid(), Want: k.want})
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	k.longOthers()
	panic("not reached")
}

func (k *walk) longFiles() {
	k.hole("ext4", k.path("file"), diskHole)
	k.hole("tmpfs", k.mount("tmpfs", "tmpfs", "", 0)+"/file", memoryHole)
	k.hole("bind mount in another", k.mkdirAt(k.mount("tmpfs2", "tmpfs", "", 0)+"/a")+"/file", memoryHole)
	k.mount("lower", "tmpfs", "", 0)
	k.mount("upper", "tmpfs", "", 0)
	k.touch(k.path("lower/file"))
	overlay := k.mkdir("merged")
	must(unix.Mount("overlay", overlay, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper/a,workdir=%[1]s/upper/b", k.withDirs("upper/a", "upper/b"))))
	k.hole("overlayfs, copied up", overlay+"/file", memoryHole)
}

// longOthers makes its last call when the result has been told, and the process ends right
// after it.
func (k *walk) longOthers() {
	k.deletedHole()
	k.memfdHole()
	k.latePipe()
	k.lateSocket(unix.AF_UNIX, &unix.SockaddrUnix{Name: k.path("socket")})
	k.lateSocket(unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	k.lateSocket(unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}})
	fd := k.openHole(k.path("last"), diskHole)
	k.want = append(k.want, expected{What: "the last one", Syscall: "preadv", Kind: "file", Path: k.path("last")})
	answer(result{TID: unix.Gettid(), Want: k.want})
	k.readHole(fd, diskHole)
	unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
}

// withDirs makes directories below the walk's, which it gives.
func (k *walk) withDirs(names ...string) string {
	for _, name := range names {
		k.mkdir(name)
	}
	return k.dir
}

func (k *walk) openHole(path string, mib int) int {
	fd := must1(unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600))
	must(unix.Ftruncate(fd, int64(mib)<<20))
	return fd
}

// readHole reads all of it, into the same MiB.
func (k *walk) readHole(fd, mib int) {
	vectors := make([]unix.Iovec, mib)
	for i := range vectors {
		vectors[i].Base, vectors[i].Len = &k.buf[0], 1<<20
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_PREADV, uintptr(fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(mib), 0, 0, 0)
	if errno != 0 || int(n) != mib<<20 {
		panic(fmt.Sprintf("read %d MiB: %d, %v", mib, n, errno))
	}
}

func (k *walk) hole(what, path string, mib int) {
	fd := k.openHole(path, mib)
	k.want = append(k.want, expected{What: what, Syscall: "preadv", Kind: "file", Path: path})
	k.readHole(fd, mib)
	unix.Close(fd)
}

func (k *walk) deletedHole() {
	path := k.path("deleted")
	fd := k.openHole(path, diskHole)
	must(unix.Unlink(path))
	k.want = append(k.want, expected{What: "deleted file", Syscall: "preadv", Kind: "file", Path: path, Deleted: true})
	k.readHole(fd, diskHole)
	unix.Close(fd)
}

func (k *walk) memfdHole() {
	fd := must1(unix.MemfdCreate("scratch", unix.MFD_CLOEXEC))
	must(unix.Ftruncate(fd, memoryHole<<20))
	k.want = append(k.want, expected{What: "memfd", Syscall: "preadv", Kind: "file", Path: "/memfd:scratch"})
	k.readHole(fd, memoryHole)
	unix.Close(fd)
}

// writeLate writes to the other end when somebody waits at this one, by another thread.
func writeLate(fd int) {
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		setComm("late")
		sleep(int64(late))
		must1(unix.Write(fd, make([]byte, 64)))
	}()
}

func (k *walk) latePipe() {
	var p [2]int
	must(unix.Pipe2(p[:], unix.O_CLOEXEC))
	k.want = append(k.want, expected{What: "pipe", Syscall: "read", Kind: "pipe"})
	writeLate(p[1])
	if n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(p[0]), address(k.buf), 64); n != 64 {
		panic(fmt.Sprintf("read of a pipe: %d, %v", n, errno))
	}
}

// lateSocket receives at the server's end.
func (k *walk) lateSocket(family int, at unix.Sockaddr) {
	server := must1(unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Bind(server, at))
	must(unix.Listen(server, 1))
	client := must1(unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Connect(client, must1(unix.Getsockname(server))))
	accepted, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
	must(err)
	s := record.Socket{Type: "stream", State: "established"}
	switch family {
	case unix.AF_UNIX:
		s.Family, s.Path, s.PeerPID = "unix", k.path("socket"), uint32(unix.Getpid())
	default:
		s.Family, s.Protocol = map[int]string{unix.AF_INET: "inet", unix.AF_INET6: "inet6"}[family], "tcp"
		s.Local, s.Remote = addressOf(unix.Getsockname(accepted)), addressOf(unix.Getsockname(client))
	}
	k.want = append(k.want, expected{What: "socket of " + s.Family, Syscall: "recvfrom", Kind: "socket", Socket: s})
	writeLate(client)
	if n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(accepted), address(k.buf), 64, 0, 0, 0); n != 64 {
		panic(fmt.Sprintf("receive: %d, %v", n, errno))
	}
}

// Mode watch looks at a call's file and process when it has returned: they are the right ones
// there too.
func TestPathsInWatch(t *testing.T) {
	needRoot(t)
	if !bpf.HasTaskWork() {
		t.Skip("this kernel has no BPF task work")
	}
	const walkers = 8
	h := newHost(t)
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyIn(watch.name, h, longWalkPolicy))
	right, calls := 0, 0
	for i := range walkers {
		unit := fmt.Sprintf("walker-%d.service", i)
		w := walkIn(t, h, unit, "long way", i)
		for _, e := range w.Want {
			calls++
			if r := e.await(s, w.TID); r != nil && e.isIn(t, r, unit) {
				right++
			}
		}
	}
	got := stop(t, s)
	if lost := calls - right; uint64(lost) > got.SwitchesMissed() {
		t.Errorf("%d of %d calls are right; the kernel left out %d events:%s", right, calls, got.SwitchesMissed(), got)
	}
	t.Logf("%d of %d calls of %d processes are right", right, calls, walkers)
}

// await is found when the record has come; nil: there was none for a while.
func (e expected) await(s *foreground.Service, tid int) *record.Slow {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if r := e.found(s.Records().Slow, tid); r != nil {
			return r
		}
	}
	return nil
}

// found is the record of a call: of its thread's, the one on this path or socket.
func (e expected) found(records []*record.Slow, tid int) *record.Slow {
	for _, r := range records {
		if int(r.Process.TID) != tid || r.Syscall.Name != e.Syscall || r.File == nil || r.File.Path != e.Path || r.File.Kind != e.Kind {
			continue
		}
		if e.Kind != "socket" || r.File.Socket != nil && *r.File.Socket == e.Socket {
			return r
		}
	}
	return nil
}
