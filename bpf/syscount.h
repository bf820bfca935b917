/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crosses the border between kernel and user space, declared once: bpf2go
 * makes the Go types from these. Padding is explicit; the sizes are asserted.
 */
#ifndef SYSCOUNT_H
#define SYSCOUNT_H

#include <linux/types.h>

/* The ABI of a call; the values are those of bpf.ABI in Go. */
enum abi {
	ABI_X86_64 = 0,
	ABI_I386 = 1,
	ABI_X32 = 2,
	ABI_AARCH64 = 3,
	ABI_ARM = 4,
};

/*
 * Each (ABI, number) has a slot: the machine's own calls, its 32-bit calls,
 * and x32's (whose own numbers begin at 512). The last slot of each part takes
 * every number out of range. Linux 7.2 has fewer than 480 numbers.
 */
enum slots {
	NATIVE_SLOTS = 512,
	COMPAT_SLOTS = 512,
	X32_SLOTS = 576,
	SYSCALL_SLOTS = NATIVE_SLOTS + COMPAT_SLOTS + X32_SLOTS,
	TABLE_SLOTS = 2048, /* length of tables by slot: a power of two, to mask an index with */
};

/* Histogram slots: see slot_of_ns() in histogram.h. */
enum histogram {
	HISTOGRAM_SLOTS = 140,
};

/* At which ends of a call we look; the values are those of bpf.Mode in Go. */
enum modes {
	MODE_ACCOUNT = 0, /* both */
	MODE_COUNT = 1, /* the end */
	MODE_WATCH = 2, /* neither */
};

/* What the rows are grouped by. */
enum group_by {
	GROUP_BY_NONE = 0,
	GROUP_BY_PROCESS = 1,
	GROUP_BY_CGROUP = 2,
	GROUP_BY_COMM = 3,
};

/* The group of the calls that the agent makes to know what a call costs: no process, cgroup or comm has this one. */
#define GROUP_CALIBRATION (~0ULL)

/* What the kernel side knows of a syscall by its name; bits of traits[]. */
enum trait {
	TRAIT_OBSERVED = 1, /* counted at all */
	TRAIT_FD_FIRST = 2, /* the first argument is a descriptor */
	TRAIT_FD_RESULT = 4, /* the result is a descriptor */
	TRAIT_NEW_REGISTERS = 8, /* if it succeeds no arguments are left at its end: execve, rt_sigreturn */
	TRAIT_SIGRETURN = 16, /* ends a signal handler */
	TRAIT_RESTART = 32, /* restart_syscall: goes on with the call that was interrupted */
	TRAIT_FILE_LOCK = 128, /* waits for a lock on the file of its first argument: flock, fcntl */
	TRAIT_FORK = 64, /* ends twice: in the parent, and in the child, where it did not begin */
};

/*
 * What a context switch asks of a syscall, in one word: somebody wants to know of its waits (one of its calls could
 * be slow, or goes on with one that was interrupted), but not of those on these kinds of descriptors, as bits 1 <<
 * enum fd_kind.
 */
enum interest {
	WAITS_WANTED = 0x8000,
	WAITS_EXEMPT = 0x7fff,
};

/* What to look at in a slow call; each argument is its index plus one, 0: none. */
struct look {
	__u8 fd; /* a second descriptor */
	__u8 text[2]; /* path names */
	__u8 timeout; /* a struct timespec or timeval */
	__u16 exempt; /* kinds of descriptors on which the call is never slow, as bits 1 << enum fd_kind */
	__u8 user_stack; /* whether the caller's own stack is wanted */
	__u8 _pad;
};

/*
 * From which duration on a call could be slow, by how it ended; ~0: never. And on which kinds
 * of descriptors it never is, as bits 1 << enum fd_kind.
 */
struct floor {
	__u64 ok_ns;
	__u64 failed_ns;
	__u64 open_ns; /* it has not ended */
	__u16 exempt;
	__u16 _pad[3];
};

/* A cgroup of which user space has told the set, in the numbering that is in force: see floor.h. */
struct assignment_key {
	__u64 cgroup;
	__u32 numbering;
	__u32 _pad;
};

struct floor_key {
	__u32 numbering;
	__u16 set;
	__u16 syscall; /* slot */
};

/*
 * A row belongs to a group, a syscall and a CPU. With the CPU in the key each
 * row has one writer, so that it needs no atomic instructions, and a row costs
 * memory only on the CPUs where the calls happen.
 */
struct row_key {
	__u64 group; /* process: start time; cgroup: its id; comm: its hash; 0: all that have no row of their own */
	__u32 pid; /* process: thread group id in the agent's PID namespace; else 0 */
	__u16 syscall; /* slot */
	__u16 cpu;
};

/* Extremes of one interval; those of the interval before stay readable. */
struct extremes {
	__u64 min_ns;
	__u64 max_ns;
	__u32 interval;
	__u32 _pad;
};

/* Of those calls of a row of which the time was taken. */
struct times {
	__u64 timed; /* how many these are */
	__u64 total_ns;
	struct extremes extremes[2]; /* by interval & 1 */
	__u32 histogram[HISTOGRAM_SLOTS]; /* modulo 2^32: read at least once in 2^32 calls */
};

/*
 * Counts only grow and are never reset: the reader takes differences, so that
 * no update between a read and a reset can be lost.
 */
struct row {
	__u64 count;
	__u64 errors;
	struct times times;
};

/*
 * A row in the CPU's own part of an array; its times are in another one, at the
 * same place. The owner is the key's pid, and its syscall plus one in the upper
 * half: 0 is a free place. The kernel side takes free places, user space makes
 * them free.
 */
struct near_row {
	__u64 owner;
	__u64 group;
	__u64 count; /* as in struct row */
	__u64 errors;
};

/*
 * An entry of an early list says in its upper half what its calls are, and in the lower one the duration in ns of
 * the one call that it has, with the lower bits of the number of its interval beside it; or how many there were, if
 * their time was not taken. 0: none yet.
 */
enum early {
	EARLY_LISTS = 5, /* of a process */
	EARLY_CALLS = 52, /* entries of a list: with what the kernel's hash has beside it, it takes 512 bytes there */
	EARLY_SYSCALL = TABLE_SLOTS - 1, /* mask of the slot */
	EARLY_CALL = 1 << 11, /* so that no entry is 0 */
	EARLY_ERROR = 1 << 12,
	EARLY_TIMED = 1 << 13,
	EARLY_INTERVAL_SHIFT = 14,
};

/* The first calls of a young process: see early.h. The kernel side takes free places, user space makes them free. */
struct early_list {
	__u64 group; /* as in struct row_key */
	__u32 pid; /* 0: the place is free */
	__u32 used; /* of calls: a call with a time comes after these */
	__u32 interval; /* of the last of those */
	__u32 ordinal; /* of its process's lists */
	__u64 calls[EARLY_CALLS];
};

/* A list that found no place in its CPU's part of the array. */
struct list_key {
	__u64 group; /* as in struct row_key */
	__u32 pid;
	__u32 ordinal; /* of its process's lists */
};

/* Whose row it is; written with the first row of a process, or of a comm (start_ns: its hash, pid 0). */
struct process_key {
	__u64 start_ns; /* CLOCK_BOOTTIME */
	__u32 pid;
	__u32 _pad;
};

struct process_name {
	__u64 cgroup;
	__u32 uid;
	__u32 exited; /* its last thread has ended: its rows will not change any more */
	__u8 comm[16];
};

/* A cgroup's names from itself upwards, each ended by NUL: "b\0a\0" is /a/b. */
enum cgroup_path_size {
	CGROUP_NAME_BYTES = 256, /* NAME_MAX and the NUL */
	CGROUP_PATH_BYTES = 1024,
	CGROUP_DEPTH = 24,
};

enum cgroup_path_end {
	PATH_CUT = 0, /* longer than we keep */
	PATH_INSIDE = 1, /* ends at the root of the agent's cgroup namespace */
	PATH_OUTSIDE = 2, /* ends at the root of the hierarchy */
};

struct cgroup_path {
	__u32 bytes; /* used in names */
	__u32 end; /* enum cgroup_path_end */
	__u8 names[CGROUP_PATH_BYTES + CGROUP_NAME_BYTES];
};

/* What the filter says of those that a key of its maps names: bits. */
enum choice {
	CHOICE_TARGET = 1,
	CHOICE_EXCLUDED = 2, /* whatever else names it */
};

/* A name in the filter by comm, padded with zeros as the kernel pads it. */
struct comm {
	__u64 words[2];
};

/* Bits for the errors that a call can return (MAX_ERRNO of include/linux/err.h). */
#define MAX_ERRNO 4095
enum errors {
	ERROR_WORDS = 64,
};

/* A name in the filter by unit. */
struct cgroup_name {
	__u8 name[CGROUP_NAME_BYTES];
};

/*
 * Per CPU. These hold at all times, whatever the modes were:
 *   enter + unstamped = matched + suspended + died + in flight + overwritten + refiltered + handed_over
 *   exit = matched + suspended + exit_without_enter + refiltered
 *   suspended = resumed + interrupted + abandoned + waiting for their signal
 * and the rows hold matched + counted + interrupted - unwanted calls, but for those that mode watch saw interrupted.
 */
struct counters {
	__u64 enter; /* calls of observed threads that began */
	__u64 exit; /* calls of observed threads that ended, but for those of the next two */
	__u64 matched; /* ended calls that had begun: an exit and a matched one in one */
	__u64 counted; /* ended calls whose beginning was not looked at: an exit, an unstamped and a matched one in
			  one */
	__u64 unstamped; /* the same, where it is not counted, or not yet: restarts, filters */
	__u64 handed_over; /* calls that had begun when mode watch came: it sees their end only if they are slow */
	__u64 suspended; /* left to the kernel's restart (-512 to -516): the call goes on */
	__u64 resumed; /* begun again after that: one call, from its first beginning */
	__u64 interrupted; /* ended by a handler instead: EINTR */
	__u64 abandoned; /* neither: the handler jumped elsewhere, the thread died, the programs were detached */
	__u64 died; /* the thread ended in the call: exit, exit_group, killed */
	__u64 overwritten; /* its end was missed: the next call began, or the programs were detached, or the
			      thread left the CPU unseen */
	__u64 exit_without_enter; /* fork child, denied by seccomp, in flight at attach or when the mode changed */
	__u64 unwanted; /* ended calls whose result the filter leaves out: matched, but in no row */
	__u64 refiltered; /* the filter changed during the call and leaves its thread out */
	__u64 negative; /* the clock went backwards: counted with 0 ns */
	__u64 storage_failed; /* no memory for a thread's record: its call is not seen */
	__u64 rows_overflowed; /* calls that went to the row of the rest: no room for one of their own, or for its
				  name */
	__u64 rows_failed; /* calls that found no row at all: no memory */
	__u64 slow; /* calls at or over their threshold, but for those on exempt kinds of descriptors and ruled_out */
	__u64 ring_full; /* of these, not handed over */
	__u64 ruled_out; /* as long, but no rule finds them slow by their result and where they were made: see floor.h
			  */
	__u64 cgroup_names_failed; /* a cgroup whose path could not be kept */
	__u64 switches_missed; /* threads that left the CPU or came to it unseen: see running.h */

	/* Mode watch: callbacks = returned + astray + callbacks_died + voided + those to come. */
	__u64 callbacks; /* when the thread returns to user mode: its call has ended then */
	__u64 returned; /* made there */
	__u64 astray; /* made elsewhere, such as inside the call: its end is not seen */
	__u64 voided; /* of an earlier attachment, or the end was seen otherwise: the mode has changed */
	__u64 callbacks_died; /* the thread ended before */
	__u64 callbacks_failed; /* refused by the kernel, or too many: the end of the call is not seen */
};

/*
 * The record of the thread that runs on a CPU, as long as it runs there: see
 * running.h.
 */
struct running {
	__u64 task; /* whose; 0: nobody's */
	__u64 regs; /* the user registers of that thread's calls: they lie at the same place of its stack each time */
	__u64 start_ns; /* of the open call, CLOCK_MONOTONIC; 0: none */
	__u64 group; /* first part of the row's key */
	__u64 subject; /* for which the verdict was made: see subject_of() */
	__u64 first_ns; /* since when the open call without a start is known; 0: it is not */
	__u32 generation; /* of the verdict; 0: nobody's record */
	__u32 plain; /* the mode in which its calls are plain, or enum plainness: see plain.h */
	__u32 pid; /* second part of the row's key */
	__u32 near; /* where the rows of its group are looked for: near_of() */
	__u16 syscall; /* slot of the open call */
	__u8 observed; /* the verdict: 0, or OBSERVED */
	__u8 suspended; /* the thread has a suspended call: see restart.h */
	__u32 skip; /* sampling: calls of the CPU until the next that is timed */
	__u32 random; /* sampling: state of the generator */
	__u8 stale; /* the waits in the thread's storage are of an UNTIMED call that has ended */
	__u8 first; /* what first_ns is: enum call_start */
	__u8 _pad[2];
	__u32 early; /* where the leader of a young process lists its calls: see early.h */
	__u32 _pad2;
};

/* What the record of each call's thread is compared with, in one word: its generation and plain. */
struct validity {
	__u32 generation; /* of the filter: a verdict of another one is made anew */
	__u32 mode;
};

/*
 * The record of a thread that has left the CPU, and has nothing open: see resting.h. One
 * cache line.
 */
struct resting {
	__u64 task; /* whose; 0: nobody's */
	__u64 born_ns; /* its start_boottime: another one may get its memory */
	__u64 regs; /* and the rest as in struct running */
	__u64 group;
	__u64 subject;
	__u32 pid;
	__u32 generation;
	__u32 attachment;
	__u32 switches; /* of the thread off the CPU, with this one */
	__u32 early;
	__u8 observed;
	__u8 suspended;
	__u8 _pad[2];
};

enum places { RESTING = 8 }; /* kept for each CPU; a power of two */

/* What it is multiplied with to know our own cost, beside the calls in struct counters; per CPU. */
struct cost {
	__u64 left_out; /* calls that ended, of threads or syscalls that are not observed */
	__u64 timed; /* context switches that were timed */
	__u64 timed_ns; /* what our program took in them */
	__u64 switches; /* all of them */
	__u64 next_timed; /* which of them will be the next that is timed */
	__u64 began_ns; /* when the one began that is timed now; 0: none is */
};

enum plainness {
	IGNORED = 0x40, /* the thread is not observed, and has no call open */
	NOT_PLAIN = 0x80,
	/* In addition: */
	BY_SUBJECT = 0x100, /* as long as subject_of() is what it was */
	LISTED = 0x200, /* as first calls of a young process: see early.h */
};

/* A call at its end; CLOCK_MONOTONIC, or UNTIMED. */
struct ended {
	__u64 start_ns;
	__u64 end_ns;
	__s64 ret;
	__u64 first_ns; /* since when an UNTIMED one is known; 0: it is not */
	__u8 first; /* what that is: enum call_start */
	__u8 _pad[7];
};

/* Everything that belongs to a CPU, found with one look. */
struct cpu {
	struct cost cost; /* each switch uses its end, and the beginning of what follows */
	__u32 came; /* mode watch: the number of the thread that came to the CPU last, plus one; 0: not known */
	__u32 _pad_came;
	struct running running;
	/*
	 * The call that ends. Not on the stack: of what lies there the verifier knows in which
	 * of many ways it came to its value, and goes on from each.
	 */
	struct ended ended;
	struct counters counters;
	__u64 histogram_slot; /* of the last duration */
	__u32 next_early; /* where to look for a free list */
	__u32 _pad;
	struct resting resting[RESTING];
};

/* Why a thread was off the CPU. */
enum wait_class {
	WAIT_RUNQUEUE = 0, /* runnable, without a CPU */
	WAIT_IO = 1, /* uninterruptible sleep */
	WAIT_SLEEP = 2, /* interruptible sleep */
	WAIT_STOPPED = 3, /* by a signal */
	WAIT_TRACED = 4, /* by a tracer */
	WAIT_FROZEN = 5, /* by the freezer */
	WAIT_CLASSES = 6,
};

enum wait_size {
	WAIT_FRAMES = 24, /* of a kernel stack that are kept */
};

/* A thread by name; pid 0: outside of the agent's PID namespace. */
struct thread_name {
	__u32 pid;
	__u32 tid;
	__u8 comm[16];
};

/*
 * The waits of a thread's call, from its first to its last; times in ns. What
 * of a wait was spent without a CPU is known when the thread has run again.
 */
struct wait {
	__u64 call; /* the start_ns of the call, or UNTIMED; 0: no call */
	__u64 first_ns; /* since when an UNTIMED call is known */
	__u64 off_ns; /* since when it has been off the CPU; 0: it is on one */
	__u64 woken_ns; /* when it was woken; back on a CPU: for how long it had been runnable. 0: not known */
	__u64 total_ns[WAIT_CLASSES];
	__u64 run_delay; /* of the task, when it left the CPU */
	__u64 ran_ns; /* its CPU time until then */
	__u64 last_ns; /* the last wait, not settled yet */
	__u64 longest_ns;
	__u64 throttled_ns; /* of its task groups: before, and in a report during the call */
	__u64 major_faults; /* of the thread, likewise */
	__u32 voluntary; /* context switches */
	__u32 involuntary;
	__u32 class; /* enum wait_class of the last wait */
	__u32 longest_class; /* the same of the longest */
	__u32 longest_iowait; /* that one was for a block device */
	__s32 waking_stack; /* id of the waker's kernel stack; < 0: none */
	__s32 longest_waking_stack;
	__u32 frames; /* of stack in use */
	__u32 first; /* what first_ns is: enum call_start */
	__u32 off_jiffies; /* the low bits of since when, cheap to compare */
	__u16 looked; /* the longest wait is the last one, and was looked at when it was woken */
	__u16 unfollowed; /* the call could not be slow when it began to wait: only call, first_ns and first are of it
			   */
	struct thread_name waker; /* who ended the last wait */
	struct thread_name longest_waker;
	struct thread_name blocker; /* who held the lock that it waited for last */
	__u64 stack[WAIT_FRAMES]; /* of the longest wait */
};

/* How this kernel spells bpf_task_work_schedule_resume. */
enum task_work {
	TASK_WORK_NONE = 0,
	TASK_WORK_IMPL = 1, /* with _impl, and an argument more: 6.18 */
	TASK_WORK = 2,
};

/* Which events two programs of ours see while others take the place of those that are attached: bits. */
enum doubles {
	DOUBLED_ENDS = 1, /* of calls */
	DOUBLED_TRACEPOINTS = 2, /* the beginning of calls, both on the tracepoint */
	DOUBLED_FUNCTIONS = 4, /* the beginning of calls; the second look is a function's */
	DOUBLED_SWITCHES = 8, /* of context, and signals */
};

#endif
