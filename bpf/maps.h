/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps, and the records that stay inside the kernel. */
#ifndef SYSCOUNT_MAPS_H
#define SYSCOUNT_MAPS_H

#include "syscount.h"

/*
 * One per thread, in the thread's own storage: it cannot fill, and dies with
 * it. While the thread runs, what changes with each call is in struct running.
 */
struct thread {
	__u64 start_ns; /* of the open call, while the thread does not run; 0: none */
	__u64 regs; /* where its calls keep the user registers */
	__u64 group; /* first part of the row's key */
	__u64 subject; /* for which the verdict was made */
	__u32 pid; /* second part of the row's key */
	__u32 generation; /* of the verdict */
	__u16 syscall; /* slot of the open call */
	__u8 observed; /* the verdict: 0, or OBSERVED */
	__u8 executed; /* mode count: execve has replaced the program, its end is to come */
	__u8 delivered; /* for mode count: handlers that run, saturating */

	/* A call that the kernel may restart: see restart.h. */
	__u8 handlers; /* those that run since then, saturating */
	__u16 suspended; /* its slot */
	__s64 suspended_ret; /* 0: none */
	__u64 suspended_start_ns;
	__u64 suspended_end_ns;

	__u32 attachment; /* of which all this is */

	/* Mode watch: see watch.h. */
	__u8 called_back; /* the kernel will call us back when the thread returns to user mode */
	__u8 resumed; /* the call that it is in is the one of the waits */
	__u8 by_watch; /* mode watch has made the record, or taken it over: see switchover.h */
	__u8 sleeper; /* it is counted there: see sleeper.h */
	__u32 switches; /* of the thread off the CPU, with the last one that was noted */
	__u32 delivered_mark; /* where a signal was delivered, and which program saw it: see succession.h */
	__u64 ip; /* where its call was made, and on which stack */
	__u64 sp;
	__u64 known_ns; /* when we last knew which call it was in */

	__u32 early; /* where the leader of a young process lists its calls: see early.h */
	__u32 _pad2;

	struct wait wait;
};

/* Values of start_ns that are no time. */
#define UNTIMED 1 /* the call is counted, its time is not taken */
#define LEFT_OUT 2 /* the filter leaves this syscall out */

/*
 * The key of a map's only element. On the stack each program would have to write it first, and all that hangs on
 * the element would wait for that.
 */
static const volatile __u32 only = 0;
#define ONLY ((const void *)&only)

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/*
 * Processes marked by the agent through a pidfd, so that a reused PID can
 * never match: ~0 is the agent itself, else the family that the filter
 * names; its numbers never come again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} marks SEC(".maps");

#define MARK_SELF 0xffffffffU

/* The filter's keys, each with its enum choice. Names of cgroups match wherever they stand in the path: a restarted
 * unit still matches. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512); /* each unit has two: see agent/target.go */
	__type(key, struct cgroup_name);
	__type(value, __u8);
} target_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u8);
} target_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct comm);
	__type(value, __u8);
} target_comms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32); /* a real user id, of the initial user namespace */
	__type(value, __u8);
} target_users SEC(".maps");

/*
 * The rows that came first: a part for each CPU, found without a call into the
 * kernel; see row.h. All are one element, whose size the loader sets. Mapped by
 * the agent, which reads and frees them there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, sizeof(struct near_row));
} near_rows SEC(".maps");

/* Their times. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct times);
} near_times SEC(".maps");

/* The first calls of young processes: a part for each CPU. Mapped by the agent, as near_rows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct early_list);
} early_lists SEC(".maps");

/* Those that found no place there. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct list_key);
	__type(value, struct early_list);
} far_lists SEC(".maps");

/* Rows of the groups that found no room near a CPU; bounded by max_entries, which the loader sets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct row_key);
	__type(value, struct row);
} rows SEC(".maps");

/* Rows of all that have no row of their group: every (syscall, CPU) fits. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct row_key);
	__type(value, struct row);
} rest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct process_key);
	__type(value, struct process_name);
} process_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct cgroup_path);
} cgroup_paths SEC(".maps");

/* Which set of floors a cgroup's calls go by; without one it is `lowest`. See floor.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, struct assignment_key);
	__type(value, __u32);
} assignments SEC(".maps");

/* Of each set the floors that are not those of `lowest`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct floor_key);
	__type(value, struct floor);
} floors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

/* What does not fit on the stack. */
struct scratch {
	struct cgroup_name name;
	struct cgroup_path path;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

#define SLEEPERS 2048

/* See sleeper.h. */
struct sleepers {
	__u32 threads; /* that are in it */
	__u32 _pad;
	__u64 last; /* which of them left the CPU last, and when: since_this_tick() */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLEEPERS);
	__type(key, __u32);
	__type(value, struct sleepers);
} sleepers SEC(".maps");

/* Kernel stacks of those who woke somebody up after a long wait: what of them was an interrupt, user space tells. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 8192); /* a newer stack takes the place of one with the same hash: few should have */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 16 * sizeof(__u64));
} waking_stacks SEC(".maps");

/* Where a slow call is put together: by the CPU's own programs, and by the iterator, which they may interrupt. */
enum drafts { DRAFT_OF_CPU = 0, DRAFT_OF_ITERATOR = 1, DRAFTS = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DRAFTS);
	__type(key, __u32);
	__type(value, struct slow_call);
} drafts SEC(".maps");

/* A new list further away begins as a copy of this. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct early_list);
} empty_list SEC(".maps");

/* A new row begins as a copy of this. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct row);
} empty_row SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21); /* some 2,800 slow calls */
	__type(value, struct slow_call); /* for bpf2go */
} slow_calls SEC(".maps");

static __always_inline bool is_open(__u64 start_ns)
{
	return start_ns && start_ns != LEFT_OUT;
}

static __always_inline struct cpu *this_cpu(void)
{
	return bpf_map_lookup_elem(&cpus, ONLY);
}

#endif
