package main

// x32Only are the calls 512, 513, ... of x32, in order: x32 has numbers of its
// own for calls whose arguments differ in size from those of x86-64.
// Source: the "x32" lines of arch/x86/entry/syscalls/syscall_64.tbl. The list is
// closed: the file says that no call may be added to the range 512 to 547.
var x32Only = []string{
	"rt_sigaction", "rt_sigreturn", "ioctl", "readv", "writev", "recvfrom",
	"sendmsg", "recvmsg", "execve", "ptrace", "rt_sigpending",
	"rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "timer_create",
	"mq_notify", "kexec_load", "waitid", "set_robust_list",
	"get_robust_list", "vmsplice", "move_pages", "preadv", "pwritev",
	"rt_tgsigqueueinfo", "recvmmsg", "sendmmsg", "process_vm_readv",
	"process_vm_writev", "setsockopt", "getsockopt", "io_setup",
	"io_submit", "execveat", "preadv2", "pwritev2",
}

// x32First is the number of the first call of x32Only.
const x32First = 512

// x86Only64 are the calls that x86-64 has and x32 has not, besides those of
// x32Only: the rest of the "64" lines of syscall_64.tbl.
var x86Only64 = []string{
	"uselib", "_sysctl", "create_module", "get_kernel_syms", "query_module",
	"nfsservctl", "set_thread_area", "get_thread_area", "epoll_ctl_old",
	"epoll_wait_old", "vserver",
}

// x32Table derives the numbers of x32 (without bit 30) from those of x86-64.
func x32Table(x8664 map[int]string) map[int]string {
	not := map[string]bool{}
	for _, name := range append(append([]string{}, x32Only...), x86Only64...) {
		not[name] = true
	}
	table := map[int]string{}
	for nr, name := range x8664 {
		if !not[name] {
			table[nr] = name
		}
	}
	for i, name := range x32Only {
		table[x32First+i] = name
	}
	return table
}
