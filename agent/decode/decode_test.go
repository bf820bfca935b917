package decode

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/syscalls"
)

const noFD = ^uint64(0)

// neg is a negative int as it may stand in a register: extended with zeros.
func neg(n int32) uint64 { return uint64(uint32(n)) }

func argsText(c Call) string {
	var all []string
	for _, a := range Args(c) {
		all = append(all, a.Name+"="+a.Text)
	}
	return strings.Join(all, " ")
}

func TestArgs(t *testing.T) {
	cwd := neg(unix.AT_FDCWD)
	tests := []struct {
		name string
		args [6]uint64
		want string
	}{
		{"open", [6]uint64{1, unix.O_RDONLY, 0xdead}, "flags=O_RDONLY"},
		{"open", [6]uint64{1, unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_CLOEXEC, 0o644}, "flags=O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC mode=0644"},
		{"openat", [6]uint64{cwd, 1, unix.O_RDWR | unix.O_DIRECT | unix.O_SYNC | largeFile}, "dirfd=AT_FDCWD flags=O_RDWR|O_SYNC|O_DIRECT|O_LARGEFILE"},
		{"openat", [6]uint64{uint64(0xffffffffffffff9c), 1, unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW}, "dirfd=AT_FDCWD flags=O_RDONLY|O_DIRECTORY|O_NOFOLLOW"},
		{"openat", [6]uint64{5, 1, unix.O_RDWR | unix.O_TMPFILE, 0o600}, "dirfd=5 flags=O_RDWR|O_TMPFILE mode=0600"},
		{"openat", [6]uint64{5, 1, 1 << 30}, "dirfd=5 flags=O_RDONLY|0x40000000"},
		{"openat2", [6]uint64{cwd, 1, 2, 24}, "dirfd=AT_FDCWD"},
		{"futex", [6]uint64{0x7f00, 0x80, 2}, "uaddr=0x7f00 futex_op=FUTEX_WAIT_PRIVATE val=2"},
		{"futex", [6]uint64{0x7f00, 0x189, 0, 0, 0, 0xffffffff}, "uaddr=0x7f00 futex_op=FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME val=0 val3=any"},
		{"futex", [6]uint64{0x7f00, 77}, "uaddr=0x7f00 futex_op=0x4d val=0"},
		{"fcntl", [6]uint64{3, unix.F_SETFL, unix.O_RDWR | unix.O_NONBLOCK}, "cmd=F_SETFL arg=O_RDWR|O_NONBLOCK"},
		{"fcntl", [6]uint64{3, 7, 0x7ffc1234}, "cmd=F_SETLKW"},
		{"fcntl", [6]uint64{3, unix.F_OFD_SETLKW, 0x7ffc1234}, "cmd=F_OFD_SETLKW"},
		{"fcntl", [6]uint64{3, unix.F_SETPIPE_SZ, 1 << 20}, "cmd=F_SETPIPE_SZ arg=1048576"},
		{"fcntl", [6]uint64{3, 4242}, "cmd=4242"},
		{"ioctl", [6]uint64{3, 0x541b, 0x7ffc}, "request=FIONREAD arg=0x7ffc"},
		{"ioctl", [6]uint64{3, unix.BLKFLSBUF}, "request=BLKFLSBUF arg=0x0"},
		{"ioctl", [6]uint64{3, 0x801c581f}, "request=FS_IOC_FSGETXATTR arg=0x0"},
		{"ioctl", [6]uint64{3, 0xc0045877}, "request=FIFREEZE arg=0x0"},
		{"ioctl", [6]uint64{3, unix.FICLONE, 4}, "request=FICLONE arg=0x4"},
		{"ioctl", [6]uint64{3, 0xc138fd06}, "request=DM_DEV_SUSPEND arg=0x0"},
		{"ioctl", [6]uint64{3, 0xc0485a99}, "request=_IOWR('Z', 153, 72) arg=0x0"},
		{"ioctl", [6]uint64{3, 0x000001ff}, "request=_IO(0x1, 255) arg=0x0"},
		{"flock", [6]uint64{3, unix.LOCK_EX}, "operation=LOCK_EX"},
		{"flock", [6]uint64{3, unix.LOCK_SH | unix.LOCK_NB}, "operation=LOCK_SH|LOCK_NB"},
		{"kill", [6]uint64{neg(-5), 9}, "pid=-5 sig=SIGKILL"},
		{"tgkill", [6]uint64{5, 6, 35}, "tgid=5 tid=6 sig=SIGRTMIN+3"},
		{"kill", [6]uint64{5, 0}, "pid=5 sig=0"},
		{"mmap", [6]uint64{0, 4096, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, noFD, 0}, "length=4096 prot=PROT_READ|PROT_WRITE flags=MAP_PRIVATE|MAP_ANONYMOUS"},
		{"mmap", [6]uint64{0, 4096, unix.PROT_READ, unix.MAP_SHARED | unix.MAP_POPULATE, 3, 8192}, "length=4096 prot=PROT_READ flags=MAP_SHARED|MAP_POPULATE fd=3 offset=8192"},
		{"mprotect", [6]uint64{0x7000, 4096, 0}, "addr=0x7000 len=4096 prot=PROT_NONE"},
		{"madvise", [6]uint64{0x7000, 4096, unix.MADV_DONTNEED}, "addr=0x7000 length=4096 advice=MADV_DONTNEED"},
		{"fallocate", [6]uint64{3, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, 0, 1 << 40}, "mode=FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE offset=0 len=1099511627776"},
		{"sync_file_range", [6]uint64{3, 0, 0, 7}, "offset=0 nbytes=0 flags=SYNC_FILE_RANGE_WAIT_BEFORE|SYNC_FILE_RANGE_WRITE|SYNC_FILE_RANGE_WAIT_AFTER"},
		{"socket", [6]uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 6}, "domain=AF_INET type=SOCK_STREAM|SOCK_CLOEXEC protocol=IPPROTO_TCP"},
		{"socket", [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, 9}, "domain=AF_NETLINK type=SOCK_RAW protocol=9"},
		{"setsockopt", [6]uint64{3, unix.SOL_SOCKET, unix.SO_RCVBUF, 1, 4}, "level=SOL_SOCKET optname=SO_RCVBUF optlen=4"},
		{"setsockopt", [6]uint64{3, unix.SOL_TCP, unix.TCP_NODELAY, 1, 4}, "level=SOL_TCP optname=TCP_NODELAY optlen=4"},
		{"setsockopt", [6]uint64{3, 999, 1, 1, 4}, "level=999 optname=1 optlen=4"},
		{"epoll_ctl", [6]uint64{3, unix.EPOLL_CTL_ADD, 7}, "op=EPOLL_CTL_ADD fd=7"},
		{"epoll_ctl", [6]uint64{3, 0, 7}, "op=0 fd=7"},
		{"epoll_wait", [6]uint64{3, 1, 64, neg(-1)}, "maxevents=64 timeout=infinite"},
		{"poll", [6]uint64{1, 2, 500}, "nfds=2 timeout=500 ms"},
		{"wait4", [6]uint64{neg(-1), 0, unix.WNOHANG | unix.WALL}, "pid=any child options=WNOHANG|__WALL"},
		{"wait4", [6]uint64{neg(-2147483648)}, "pid=process group 2147483648 options=0"},
		{"clone", [6]uint64{unix.CLONE_VM | unix.CLONE_VFORK | 17}, "flags=CLONE_VM|CLONE_VFORK|SIGCHLD"},
		{"clone", [6]uint64{17}, "flags=SIGCHLD"},
		{"unshare", [6]uint64{unix.CLONE_NEWNS | unix.CLONE_NEWTIME}, "flags=CLONE_NEWTIME|CLONE_NEWNS"},
		{"mount", [6]uint64{1, 2, 3, unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY}, "mountflags=MS_RDONLY|MS_BIND|MS_REC"},
		{"umount2", [6]uint64{1, unix.MNT_DETACH}, "flags=MNT_DETACH"},
		{"unlinkat", [6]uint64{cwd, 1, unix.AT_REMOVEDIR}, "dirfd=AT_FDCWD flags=AT_REMOVEDIR"},
		{"renameat2", [6]uint64{cwd, 1, 3, 1, unix.RENAME_EXCHANGE}, "olddirfd=AT_FDCWD newdirfd=3 flags=RENAME_EXCHANGE"},
		{"statx", [6]uint64{3, 1, unix.AT_EMPTY_PATH | unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS | unix.STATX_BTIME}, "dirfd=3 flags=AT_EMPTY_PATH|AT_STATX_DONT_SYNC mask=STATX_BASIC_STATS|STATX_BTIME"},
		{"access", [6]uint64{1, 0}, "mode=F_OK"},
		{"access", [6]uint64{1, 5}, "mode=R_OK|X_OK"},
		{"lseek", [6]uint64{3, ^uint64(4095), 2}, "offset=-4096 whence=SEEK_END"},
		{"prctl", [6]uint64{unix.PR_SET_NAME, 0x7ffc}, "option=PR_SET_NAME"},
		{"prctl", [6]uint64{unix.PR_SET_PDEATHSIG, 15}, "option=PR_SET_PDEATHSIG arg2=SIGTERM"},
		{"bpf", [6]uint64{unix.BPF_PROG_LOAD, 1, 128}, "cmd=BPF_PROG_LOAD size=128"},
		{"bpf", [6]uint64{unix.BPF_LINK_CREATE, 1, 64}, "cmd=BPF_LINK_CREATE size=64"},
		{"copy_file_range", [6]uint64{3, 0, 4, 0, 1 << 30}, "fd_out=4 len=1073741824"},
		{"splice", [6]uint64{3, 0, 4, 0, 65536, unix.SPLICE_F_MORE}, "fd_out=4 len=65536 flags=SPLICE_F_MORE"},
		{"sendfile", [6]uint64{3, 4, 0, 100}, "in_fd=4 count=100"},
		{"read", [6]uint64{3, 1, 4096}, "count=4096"},
		{"pwrite64", [6]uint64{3, 1, 512, 1 << 33}, "count=512 offset=8589934592"},
		{"preadv2", [6]uint64{3, 1, 2, ^uint64(0), 0, unix.RWF_NOWAIT | unix.RWF_HIPRI}, "iovcnt=2 offset=-1 flags=RWF_HIPRI|RWF_NOWAIT"},
		{"shutdown", [6]uint64{3, 2}, "how=SHUT_RDWR"},
		{"msync", [6]uint64{0x7000, 4096, unix.MS_SYNC}, "addr=0x7000 length=4096 flags=MS_SYNC"},
		{"quotactl", [6]uint64{0x80000701}, "cmd=Q_GETQUOTA, GRPQUOTA"},
		{"clock_nanosleep", [6]uint64{1, 1}, "clockid=CLOCK_MONOTONIC flags=TIMER_ABSTIME"},
		{"chown", [6]uint64{1, 1000, neg(-1)}, "owner=1000 group=-1"},
		{"fsync", [6]uint64{3}, ""},
		{"syscall_999", [6]uint64{1, 2, 3}, ""},
	}
	for _, tt := range tests {
		if got := argsText(Call{Name: tt.name, Args: tt.args}); got != tt.want {
			t.Errorf("%s(%#x):\n got %s\nwant %s", tt.name, tt.args, got, tt.want)
		}
	}
}

func TestArgsOf32BitCalls(t *testing.T) {
	tests := []struct {
		name string
		args [6]uint64
		want string
	}{
		{"pread64", [6]uint64{3, 1, 512, 1, 2}, "count=512"}, // its offset is in two registers
		{"mmap", [6]uint64{0x8000}, ""},                      // i386's: one pointer
		{"mmap2", [6]uint64{0, 4096, 1, unix.MAP_PRIVATE, 3, 2}, "length=4096 prot=PROT_READ flags=MAP_PRIVATE fd=3 pgoffset=2"},
		{"lseek", [6]uint64{3, neg(-4096), 0}, "offset=-4096 whence=SEEK_SET"},
		{"write", [6]uint64{1, 1, 0xdead_0000_0010}, "count=16"},
	}
	for _, tt := range tests {
		if got := argsText(Call{Name: tt.name, Args: tt.args, Compat: true}); got != tt.want {
			t.Errorf("%s(%#x):\n got %s\nwant %s", tt.name, tt.args, got, tt.want)
		}
	}
}

// The numbers that differ between the architectures, as the kernel has them
// (arch/arm64/include/uapi/asm/fcntl.h).
func TestLargeFile(t *testing.T) {
	want := map[string]int{"amd64": 0o100000, "arm64": 0o400000}[runtime.GOARCH]
	if largeFile != want {
		t.Errorf("O_LARGEFILE is %#o, want %#o", largeFile, want)
	}
}

// A name that no kernel has is a misspelling.
func TestNamesAreSyscalls(t *testing.T) {
	check := func(list, name string) {
		if !syscalls.Known(name) {
			t.Errorf("%s: no ABI has a call %q", list, name)
		}
	}
	for name := range table {
		check("table", name)
	}
	for name := range compatTable {
		check("compatTable", name)
	}
	for name := range places {
		check("places", name)
	}
	for name := range pathArgs {
		check("pathArgs", name)
	}
	for _, list := range [][]string{addressResults, waits, reads, writes} {
		for _, name := range list {
			check("results", name)
		}
	}
}

func TestTableFitsRegisters(t *testing.T) {
	for _, params := range []map[string][]param{table, compatTable} {
		for name, list := range params {
			if len(list) > 6 {
				t.Errorf("%s has %d arguments", name, len(list))
			}
			for i, p := range list {
				if (p.name == "") != (p.text == nil) {
					t.Errorf("%s, argument %d: a name without a text, or the other way round", name, i)
				}
			}
		}
	}
}

// No value, not even one with all bits set, is long or empty by mistake.
func FuzzArgs(f *testing.F) {
	f.Add("openat", uint64(1), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6), int64(0), false)
	f.Add("mmap", ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), int64(-1), true)
	f.Fuzz(func(t *testing.T, name string, a, b, c, d, e, g uint64, ret int64, compat bool) {
		checkBounds(t, Call{Name: name, Args: [6]uint64{a, b, c, d, e, g}, Compat: compat}, ret)
	})
}

func TestEveryCallWithExtremeArguments(t *testing.T) {
	for name := range table {
		for _, v := range []uint64{0, 1, 7, 63, 64, 255, 1 << 31, 1<<32 - 1, 1 << 63, ^uint64(0)} {
			for _, compat := range []bool{false, true} {
				checkBounds(t, Call{name, [6]uint64{v, v, v, v, v, v}, compat}, int64(v))
			}
		}
	}
}

func checkBounds(t *testing.T, c Call, ret int64) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range Args(c) {
		if a.Name == "" || a.Text == "" || len(a.Text) > maxText || seen[a.Name] {
			t.Errorf("%s(%#x): %+v", c.Name, c.Args, a)
		}
		seen[a.Name] = true
	}
	if text := Result(c, ret); len(text) > maxText*2 {
		t.Errorf("%s: result %q", c.Name, text)
	}
	TimeoutBase(c)
	RegisterTimeout(c)
}

func TestBounded(t *testing.T) {
	if got := bounded(strings.Repeat("é", 200)); len(got) > maxText || !strings.HasSuffix(got, "é...") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if got := bounded("O_RDWR"); got != "O_RDWR" {
		t.Errorf("%q", got)
	}
}
