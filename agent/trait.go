package agent

import (
	"slices"

	"github.com/syscountd/syscountd/bpf"
)

// fdCalls are the system calls whose first argument is the descriptor of what
// they are on (man 2 of each). The *at calls are not here: theirs is only where
// a path begins.
var fdCalls = []string{
	"_llseek", "accept", "accept4", "bind", "close", "connect", "copy_file_range", "dup", "dup2", "dup3",
	"epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "fadvise64", "fadvise64_64", "fallocate",
	"fchdir", "fchmod", "fchown", "fchown32", "fdatasync", "fgetxattr", "finit_module",
	"flistxattr", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatfs", "fstatfs64", "fsync",
	"ftruncate", "ftruncate64", "getdents", "getdents64", "getpeername", "getsockname", "getsockopt",
	"io_uring_enter", "ioctl", "listen", "lseek", "mq_getsetattr", "mq_notify", "mq_timedreceive",
	"mq_timedsend", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
	"readdir", "readv", "recv", "recvfrom", "recvmmsg", "recvmsg", "send", "sendfile", "sendfile64",
	"sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "splice", "sync_file_range", "sync_file_range2",
	"syncfs", "tee", "timerfd_gettime", "timerfd_settime", "vmsplice", "write", "writev",
}

// traits of the calls that have others than TraitFDFirst.
var traits = map[string]bpf.Trait{
	"fcntl":   bpf.TraitFDFirst | bpf.TraitFileLock,
	"fcntl64": bpf.TraitFDFirst | bpf.TraitFileLock,
	"flock":   bpf.TraitFDFirst | bpf.TraitFileLock,

	"creat":   bpf.TraitFDResult,
	"open":    bpf.TraitFDResult,
	"openat":  bpf.TraitFDResult,
	"openat2": bpf.TraitFDResult,

	"execve":   bpf.TraitNewRegisters,
	"execveat": bpf.TraitNewRegisters,

	"sigreturn":       bpf.TraitNewRegisters | bpf.TraitSigreturn,
	"rt_sigreturn":    bpf.TraitNewRegisters | bpf.TraitSigreturn,
	"restart_syscall": bpf.TraitRestart,

	"clone":  bpf.TraitFork,
	"clone3": bpf.TraitFork,
	"fork":   bpf.TraitFork,
	"vfork":  bpf.TraitFork,
}

// traitsOf is what the kernel side has to know of a call by its name.
func traitsOf(name string) bpf.Trait {
	if trait, found := traits[name]; found {
		return trait
	}
	if _, found := slices.BinarySearch(fdCalls, name); found {
		return bpf.TraitFDFirst
	}
	return 0
}
