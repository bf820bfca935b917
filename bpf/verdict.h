/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a thread is observed: decided once for a filter and a cgroup, and kept in its record. */
#ifndef SYSCOUNT_VERDICT_H
#define SYSCOUNT_VERDICT_H

static __always_inline bool is_target(struct task_struct *task, struct task_struct *leader)
{
	if (filter_pids && is_marked(task, leader))
		return true;
	return filter_cgroups && is_below_target(cgroup_node(task));
}

/* The agent's thread that measures what a call costs is observed as any other, whatever the filter. */
static __always_inline bool is_calibrating(struct task_struct *task)
{
	return calibrator == (__u64)task;
}

/* Made on a thread's first call under a filter, and after it moved to another cgroup. */
static __noinline void decide(struct task_struct *task, struct thread *t)
{
	struct task_struct *leader = task->group_leader;
	__u32 current_generation = generation;
	__u64 cgroup = cgroup_of(task);

	t->observed = false;
	t->cgroup = cgroup;
	t->pid = 0;
	t->group = 0;
	if (is_calibrating(task)) {
		t->generation = current_generation;
		t->observed = true;
		t->group = GROUP_CALIBRATION;
		return;
	}
	if (is_nameable(task) && !is_self(leader))
		t->observed = !(filter_pids || filter_cgroups) || is_target(task, leader);
	t->generation = current_generation;
	if (!t->observed)
		return;
	keep_cgroup_path(cgroup_node(task), cgroup);
	if (row_group == GROUP_BY_PROCESS) {
		t->group = LOAD(leader, start_boottime);
		t->pid = pid_in_our_namespace(leader);
	} else if (row_group == GROUP_BY_CGROUP) {
		t->group = cgroup;
	}
}

/* The cgroup is compared only where it matters: reading it takes four dependent loads. */
static __always_inline bool is_decided(struct task_struct *task, __u32 of_generation, __u64 of_cgroup)
{
	if (of_generation != generation)
		return false;
	return !(row_group == GROUP_BY_CGROUP || filter_cgroups) || of_cgroup == cgroup_of(task);
}

#endif
