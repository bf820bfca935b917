package decode

import (
	"slices"
	"strings"
)

// firstOnly are the calls whose first argument is the descriptor of what they
// are on, and the only one.
var firstOnly = strings.Fields(`
	_llseek accept accept4 bind close connect dup dup2 dup3
	epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old fadvise64 fadvise64_64 fallocate
	fchdir fchmod fchown fchown32 fcntl fcntl64 fdatasync fgetxattr finit_module
	flistxattr flock fremovexattr fsetxattr fsmount fstat fstat64 fstatfs fstatfs64 fsync
	ftruncate ftruncate64 getdents getdents64 getpeername getsockname getsockopt inotify_add_watch inotify_rm_watch fanotify_mark
	io_uring_enter io_uring_register ioctl listen lseek mq_getsetattr mq_notify mq_timedreceive mq_timedreceive_time64
	mq_timedsend mq_timedsend_time64 pidfd_send_signal pread64 preadv preadv2 process_madvise process_mrelease pwrite64 pwritev pwritev2
	quotactl_fd read readahead readdir readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg send
	sendmmsg sendmsg sendto setns setsockopt shutdown signalfd signalfd4 sync_file_range sync_file_range2
	syncfs timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 vmsplice write writev
`)

// fdArgs are the calls with a descriptor elsewhere: data goes from one to the
// other, or one is put into the other. The descriptors of the *at calls are not
// here: theirs is only where a path begins.
var fdArgs = map[string][]int{
	"copy_file_range": {0, 2}, // from, to
	"splice":          {0, 2}, // from, to
	"tee":             {0, 1}, // from, to
	"sendfile":        {0, 1}, // to, from
	"sendfile64":      {0, 1}, // to, from
	"epoll_ctl":       {0, 2},
	"kexec_file_load": {0, 1},
	"mmap":            {4},
	"mmap2":           {4},
	"perf_event_open": {3},
}

// FDArgs gives the arguments of a call that are descriptors of what it is on, in
// their order; nil when it has none. A value may be -1.
func FDArgs(name string) []int {
	if at, found := fdArgs[name]; found {
		return slices.Clone(at)
	}
	if slices.Contains(firstOnly, name) {
		return []int{0}
	}
	return nil
}
