//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side of mode account. A call's beginning is stamped into its
 * thread's record; its end adds the duration to one row and, at or over the
 * threshold of its syscall, hands the call over to user space.
 *
 * The order of the file: configuration, maps, who is observed, rows, the slow
 * path, programs.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "syscount.h"
#include "abi.h"
#include "histogram.h"

/* --- configuration --- */

/* Fixed at load: the verifier removes what they switch off. */
const volatile __u32 row_group = GROUP_BY_NONE;

/* Where the agent lives: set by the program locate, which it runs in its own context before it attaches. */
volatile __u32 pidns_level = 0;
volatile __u32 pidns_inum = 0;
volatile __u64 cgroupns_root = 0; /* id of the root of its cgroup namespace */

/* Changed while running, through the mapped memory of .data. */
volatile __u32 generation = 1; /* of the filter: a verdict of another one is made anew */
volatile __u32 interval = 1; /* number of the running interval; 0 is that of an empty row */
volatile bool filter_pids = false;
volatile bool filter_cgroups = false;
volatile __u64 threshold_ns[SYSCALL_SLOTS] = {}; /* lowest that could be slow; ~0: never */
volatile __u8 observed_syscall[SYSCALL_SLOTS] = {}; /* filter by syscall; all: 1 */
volatile __u8 fd_from[SYSCALL_SLOTS] = {}; /* enum fd_source */
volatile __u8 replaces_registers[SYSCALL_SLOTS] = {}; /* no arguments left at the end */

/* Only pointers to these types keep them in BTF, from which bpf2go reads them. */
const enum fd_kind *unused_fd_kind __attribute__((unused));
const enum fd_source *unused_fd_source __attribute__((unused));
const enum cgroup_path_end *unused_cgroup_path_end __attribute__((unused));
const enum slots *unused_slots __attribute__((unused));
const enum histogram *unused_histogram __attribute__((unused));
const enum group_by *unused_group_by __attribute__((unused));

/* --- maps --- */

/* One per thread, in the thread's own storage: it cannot fill, and dies with it. */
struct thread {
	__u64 start_ns; /* of the open call, CLOCK_MONOTONIC; 0: none */
	__u64 group; /* first part of the row's key */
	__u64 cgroup; /* for which the verdict was made */
	__u32 pid; /* second part of the row's key */
	__u32 generation; /* of the verdict */
	__u16 syscall; /* slot of the open call */
	__u8 observed; /* the verdict */
	__u8 _pad[5];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/*
 * Processes marked by the agent through a pidfd, so that a reused PID can
 * never match: ~0 is the agent itself, else the generation of the filter.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} marks SEC(".maps");

#define MARK_SELF 0xffffffffU

/* Filter by unit and by cgroup: names match wherever they stand in the path, so that a restarted unit still matches. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct cgroup_name);
	__type(value, __u8);
} target_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u8);
} target_cgroups SEC(".maps");

/* Rows of the groups; bounded by max_entries, which the loader sets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct row_key);
	__type(value, struct row);
} rows SEC(".maps");

/* Rows of all that have no group's row: every (syscall, CPU) fits. */
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

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters_of_cpu SEC(".maps");

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

/* A new row begins as a copy of this. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct row);
} empty_row SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct slow_call); /* for bpf2go */
} slow_calls SEC(".maps");

static __always_inline struct counters *cpu_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters_of_cpu, &zero);
}

/* --- who is observed --- */

#include "cgroup.h"
#include "process.h"

static __always_inline bool is_target(struct task_struct *task, struct task_struct *leader, __u64 cgroup)
{
	if (filter_pids && is_marked(task, leader))
		return true;
	return filter_cgroups && is_below_target(task);
}

/*
 * The verdict on a thread, made on its first call under a filter and after it
 * moved to another cgroup; all its other calls find it made.
 */
static __noinline void decide(struct task_struct *task, struct thread *t, __u64 cgroup)
{
	struct task_struct *leader = task->group_leader;
	__u32 current_generation = generation;

	t->observed = false;
	t->cgroup = cgroup;
	t->pid = 0;
	t->group = 0;
	if (is_nameable(task) && !is_self(leader))
		t->observed = !(filter_pids || filter_cgroups) || is_target(task, leader, cgroup);
	t->generation = current_generation;
	if (!t->observed)
		return;
	keep_cgroup_path(task, cgroup);
	if (row_group == GROUP_BY_PROCESS) {
		t->group = leader->start_boottime;
		t->pid = pid_in_our_namespace(leader);
	} else if (row_group == GROUP_BY_CGROUP) {
		t->group = cgroup;
	}
}

static __always_inline bool is_decided(struct thread *t, __u64 cgroup)
{
	return t->generation == generation && t->cgroup == cgroup;
}

/* --- rows --- */

#include "row.h"

/* --- the slow path --- */

#include "slow.h"

/* --- programs --- */

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct counters *c = cpu_counters();
	struct thread *t;
	__u32 slot;
	__u64 cgroup;

	if (!c)
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		c->storage_failed++;
		return 0;
	}
	cgroup = cgroup_of(task);
	if (!is_decided(t, cgroup))
		decide(task, t, cgroup);
	if (!t->observed)
		return 0;
	slot = syscall_slot(task, id);
	if (slot >= SYSCALL_SLOTS || !observed_syscall[slot])
		return 0;
	c->enter++;
	if (t->start_ns)
		c->overwritten++;
	t->syscall = slot;
	t->start_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	struct ended ended = { .ret = ret };
	struct task_struct *task = bpf_get_current_task_btf();
	struct counters *c = cpu_counters();
	struct thread *t;
	__u64 cgroup;

	if (!c)
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!t) {
		c->exit++;
		c->exit_without_enter++;
		return 0;
	}
	ended.start_ns = t->start_ns;
	if (!ended.start_ns) {
		if (t->observed) {
			c->exit++;
			c->exit_without_enter++;
		}
		return 0;
	}
	ended.end_ns = bpf_ktime_get_ns();
	t->start_ns = 0;
	c->exit++;
	cgroup = cgroup_of(task);
	if (!is_decided(t, cgroup))
		decide(task, t, cgroup);
	if (!t->observed) {
		c->refiltered++;
		return 0;
	}
	c->matched++;
	if (ended.end_ns < ended.start_ns) {
		c->negative++;
		ended.end_ns = ended.start_ns;
	}
	account(c, task, t, ended.end_ns - ended.start_ns, ret);
	if (ended.end_ns - ended.start_ns >= threshold_of(t->syscall)) {
		c->slow++;
		if (!hand_over(task, t, regs, &ended))
			c->ring_full++;
	}
	return 0;
}

/* exit, exit_group, and a thread killed where no sys_exit follows. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct counters *c = cpu_counters();
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);

	/* The last thread may have slept since before we were attached, and have no record. */
	if (row_group == GROUP_BY_PROCESS && !task->signal->live.counter)
		mark_exited(task->group_leader);
	if (!c || !t || !t->start_ns)
		return 0;
	t->start_ns = 0;
	c->died++;
	return 0;
}

/* Run by the agent (BPF_PROG_RUN): no file of /proc tells how deep a PID namespace lies. */
SEC("syscall")
int locate(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid upid = {};

	pidns_level = BPF_CORE_READ(pid, level);
	if (!read_upid(pid, pidns_level, &upid))
		return 1;
	pidns_inum = BPF_CORE_READ(upid.ns, ns.inum);
	cgroupns_root = BPF_CORE_READ(task, nsproxy, cgroup_ns, root_cset, dfl_cgrp, kn, id);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
