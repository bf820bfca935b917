/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a thread is observed: decided once for a filter and a cgroup, and kept in its record. */
#ifndef SYSCOUNT_VERDICT_H
#define SYSCOUNT_VERDICT_H

/* What the filter says of a thread's name and user: enum choice. Global: see ADDRESS. */
__noinline int choice_of_owner(__u64 of)
{
	struct task_struct *task = (struct task_struct *)of;
	__u32 uid = BPF_CORE_READ(task, cred, uid.val);
	struct comm comm = {};
	__u8 *choice;
	int all = 0;

	bpf_probe_read_kernel(&comm, sizeof(comm), task->comm);
	choice = bpf_map_lookup_elem(&target_comms, &comm);
	if (choice)
		all |= *choice;
	choice = bpf_map_lookup_elem(&target_users, &uid);
	if (choice)
		all |= *choice;
	return all;
}

/* Who is excluded is none, by whatever else it is named; who is not named is one if nobody is. */
static __always_inline bool is_target(struct task_struct *task, struct task_struct *leader)
{
	__u32 choice = 0;

	if (filter_cgroups)
		choice |= choice_of_cgroup(cgroup_node(task));
	if (filter_owners)
		choice |= choice_of_owner(ADDRESS(task));
	if (choice & CHOICE_EXCLUDED)
		return false;
	return !filter_targets || choice & CHOICE_TARGET || (filter_pids && is_marked(task, leader));
}

/*
 * What a verdict depends on where the filter asks for user or name, which a thread may
 * change, in one number with its cgroup. Global: see ADDRESS.
 */
__noinline __u64 subject_of(__u64 of)
{
	struct task_struct *task = (struct task_struct *)of;
	__u64 cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	__u64 uid = BPF_CORE_READ(task, cred, uid.val);
	struct comm comm = {};

	bpf_probe_read_kernel(&comm, sizeof(comm), task->comm);
	return cgroup + (hash_of_comm(comm.words[0], comm.words[1]) ^ uid << 32);
}

/* The agent's thread that measures what a call costs is observed as any other, whatever the filter. */
static __always_inline bool is_calibrating(struct task_struct *task)
{
	return calibrator == (__u64)task;
}

/*
 * A verdict comes with the group of the thread's rows, and says by what they are
 * grouped and how many are near: the programs before us may have had others.
 */
#define OBSERVED (1 + row_group + (near_shift << 3))

static __always_inline bool is_ours(__u8 verdict)
{
	return verdict == OBSERVED || !verdict;
}

/*
 * Made on a thread's first call under a filter, and after it has become another one to the filter. The
 * thread runs, or is about to leave the CPU. Global: see ADDRESS.
 */
__noinline int decide(struct thread *t)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	__u32 current_generation = in_force.generation;
	__u64 cgroup = cgroup_of(task);

	if (!t)
		return 0;
	t->observed = 0;
	t->early = NOT_EARLY;
	t->subject = filter_owners ? subject_of(ADDRESS(task)) : cgroup;
	t->pid = 0;
	t->group = 0;
	if (is_calibrating(task)) {
		t->generation = current_generation;
		t->observed = OBSERVED;
		t->group = GROUP_CALIBRATION;
		return 0;
	}
	if (is_nameable(task) && !is_self(leader))
		t->observed = is_target(task, leader) ? OBSERVED : 0;
	t->generation = current_generation;
	if (!t->observed)
		return 0;
	keep_cgroup_path(cgroup_node(task), cgroup);
	if (row_group == GROUP_BY_PROCESS) {
		t->group = LOAD(leader, start_boottime);
		t->pid = pid_in_our_namespace(leader);
		t->early = early_at_first(task, leader);
	} else if (row_group == GROUP_BY_CGROUP) {
		t->group = cgroup;
	}
	return 0;
}

/* The cgroup is compared only where it matters: reading it takes four dependent loads. */
static __always_inline bool is_decided(struct task_struct *task, __u32 of_generation, __u64 of_subject)
{
	if (unlikely(of_generation != in_force.generation))
		return false;
	if (likely(row_group != GROUP_BY_CGROUP && !filter_subjects))
		return true;
	return of_subject == (filter_owners ? subject_of(ADDRESS(task)) : cgroup_of(task));
}

/* Whether the filter wants calls with this result. Global: what the verifier learns of it here stays here. */
__noinline int is_wanted_error(__s64 ret)
{
	__u32 error = -ret;

	barrier_var(error); /* else the compiler, who knows the bound, drops the mask, which the verifier of Linux 6.1
			       wants */
	return is_error(ret) && wanted_errors[error >> 6 & (ERROR_WORDS - 1)] >> (error & 63) & 1;
}

static __always_inline bool is_wanted_result(__s64 ret)
{
	return likely(!filter_results) || is_wanted_error(ret);
}

#endif
