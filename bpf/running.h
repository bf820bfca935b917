/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record of the running thread is kept with the CPU: a look at task-local
 * storage is a call into the kernel, which costs more than all else that a call
 * needs but the clock. It is taken from the thread's storage with its first
 * call after it came to the CPU, and given back when it leaves (sched_switch).
 * So a call that does not leave the CPU costs no look at the storage at all.
 *
 * The pointer to the task cannot be stale: whoever leaves the CPU, dead ones
 * too, passes sched_switch.
 */
#ifndef SYSCOUNT_RUNNING_H
#define SYSCOUNT_RUNNING_H

/* The open call goes back into the thread's storage. */
static __noinline void give_back(struct cpu *cpu, struct task_struct *task)
{
	struct running *r = &cpu->running;
	struct thread *t;

	r->task = 0;
	if (!r->start_ns)
		return;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (t) {
		t->start_ns = r->start_ns;
		t->syscall = r->syscall;
	}
	r->start_ns = 0;
}

/* Takes the thread's record to the CPU, with a verdict of the filter in force. */
static __noinline bool take(struct cpu *cpu, struct task_struct *task)
{
	struct running *r = &cpu->running;
	struct thread *t;

	if (r->task == (__u64)task)
		give_back(cpu, task);
	r->task = 0;
	r->start_ns = 0;
	r->observed = false;
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		cpu->counters.storage_failed++;
		return false;
	}
	if (!is_decided(task, t->generation, t->cgroup))
		decide(task, t);
	r->start_ns = t->start_ns;
	t->start_ns = 0;
	r->syscall = t->syscall;
	r->group = t->group;
	r->pid = t->pid;
	r->cgroup = t->cgroup;
	r->generation = t->generation;
	r->observed = t->observed;
	r->suspended = t->suspended_ret != 0;
	r->task = (__u64)task;
	return t->observed;
}

static __always_inline bool is_observed(struct cpu *cpu, struct task_struct *task)
{
	struct running *r = &cpu->running;

	if (r->task == (__u64)task && is_decided(task, r->generation, r->cgroup))
		return r->observed;
	return take(cpu, task);
}

#endif
