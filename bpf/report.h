/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is handed over of a slow call: the layout of the ring's records, which user space reads. */
#ifndef SYSCOUNT_REPORT_H
#define SYSCOUNT_REPORT_H

/* How the beginning of a call is known. */
enum call_start {
	START_ENTRY = 0, /* it was seen */
	START_FIRST_BLOCK = 1, /* when it first left the CPU */
	START_TICK = 2, /* it was in the call at a tick of the scheduler */
};

/* What a file descriptor is. */
enum fd_kind {
	FD_NONE = 0, /* the call has no descriptor, or it is closed by now */
	FD_FILE = 1,
	FD_DIR = 2,
	FD_BLOCK = 3,
	FD_CHAR = 4,
	FD_TTY = 5,
	FD_PIPE = 6,
	FD_SOCKET = 7,
	FD_ANON = 8, /* eventfd, epoll, timerfd, io_uring, ... */
	FD_PSEUDO = 9, /* a file that the kernel makes up: /proc, /sys, tracefs, ... */
};

/* A socket's addresses; ports in the host's byte order. */
struct socket_report {
	__u8 local[16]; /* IPv4: the first four */
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u16 type;
	__u16 protocol;
	__u8 state;
	__u8 path_bytes; /* AF_UNIX: of path, an abstract one begins with NUL */
	__u32 peer; /* AF_UNIX: PID of the other end */
	__u8 path[112];
};

/* What a descriptor refers to; its path, and a socket's addresses behind it, are in tail. */
struct file_report {
	__u64 inode;
	__u32 device; /* major << 20 | minor */
	__u16 path_bytes;
	__u8 kind; /* enum fd_kind */
	__u8 deleted;
	__u8 cut; /* the path is longer than we keep */
	__u8 has_socket; /* struct socket_report */
	__u8 _pad[6];
};

enum user_stack_size {
	USER_FRAMES = 12,
};

/* Laid out as struct bpf_stack_build_id of include/uapi/linux/bpf.h. */
struct user_frame {
	__s32 status; /* enum bpf_stack_build_id_status */
	__u8 build_id[20]; /* of the program or library */
	__u64 offset; /* in its file; or an address, if the status says so */
};

/* What is in the tail stands one behind the other; nothing begins after TAIL_BYTES, nor is longer than TEXT_BYTES. */
enum tail_size {
	TAIL_BYTES = 3072,
	NAME_BYTES = 256, /* of a path's component, with the NUL */
	TEXT_BYTES = 512, /* of a path argument, with the NUL */
	PATH_DEPTH = 32,
};

/*
 * A call that reached its threshold, or is still open; times are CLOCK_MONOTONIC. When a
 * hanging disk comes back, thousands end at once, before user space has a CPU: what few calls
 * have takes room of the ring only with those, in the tail.
 */
struct slow_call {
	__u64 start_ns;
	__u64 end_ns;
	__u64 args[6];
	__s64 ret;
	__u64 process_start_ns; /* CLOCK_BOOTTIME */
	__u64 cgroup;
	__u32 pid; /* thread group; this and the next two as the agent's PID namespace counts */
	__u32 tid;
	__u32 parent; /* 0: outside of that namespace */
	__u32 uid;
	__u16 syscall; /* slot */
	__u8 start; /* enum call_start */
	__u8 open; /* it has not ended yet */
	__u8 has_args; /* false where the call replaced the registers: execve, rt_sigreturn */
	__u8 has_wait;
	__u16 text_bytes[2]; /* of its path arguments, in tail */
	__u16 executable_bytes; /* of the program's path, in tail */
	__u32 lock_holder; /* thread group that has the lock which an open call waits for; 0: not known */
	__u8 comm[16]; /* of the thread */
	struct wait wait;
	struct file_report file; /* of the descriptor that its traits name */
	struct file_report to; /* of its second descriptor */
	__u64 timeout[2]; /* seconds and the rest, as the caller gave them by pointer */
	__u16 has_timeout;
	__u16 user_frames; /* struct user_frame, in tail */
	__u32 tail_bytes; /* used; the order is file, to, texts, executable, user stack */
	__u8 tail[TAIL_BYTES + TEXT_BYTES]; /* only what is used is handed over */
};

_Static_assert(sizeof(struct socket_report) <= TEXT_BYTES, "what is in the tail");
_Static_assert(USER_FRAMES * sizeof(struct user_frame) <= TEXT_BYTES, "what is in the tail");
_Static_assert(sizeof(struct row_key) == 16, "hashed and compared as bytes: no gaps");
_Static_assert(sizeof(struct near_row) == 32, "a power of two: see near_first()");
_Static_assert(sizeof(struct row) == 32 + 2 * 24 + 4 * HISTOGRAM_SLOTS, "the size in docs/architecture.md");
_Static_assert(sizeof(struct assignment_key) == 16, "hashed and compared as bytes: no gaps");
_Static_assert(sizeof(struct floor_key) == 8, "hashed and compared as bytes: no gaps");
_Static_assert(sizeof(struct early_list) == 440,
	       "the size in docs/architecture.md; 512 with what the kernel's hash has beside it");
_Static_assert(sizeof(struct list_key) == 16, "hashed and compared as bytes: no gaps");
_Static_assert(sizeof(struct process_key) == 16, "hashed and compared as bytes: no gaps");

#endif
