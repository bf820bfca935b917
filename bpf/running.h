/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record of the running thread is kept with the CPU: a look at task-local
 * storage is a call into the kernel, which costs more than all else that a call
 * needs but the clock. It is taken from the thread's storage when the thread
 * comes to the CPU in a call, else with its first call after that, and given back
 * when it leaves (sched_switch). So a call that does not leave the CPU costs no
 * look at the storage at all.
 *
 * Whoever leaves the CPU, dead ones too, passes sched_switch, which is attached
 * first and detached last. Hence nobody asks who runs, which would cost two calls
 * into the kernel. But the kernel may lose such an event while somebody else
 * attaches to sched_switch or detaches from it, on all CPUs and for every tracer:
 * then the record is another thread's. The place of the user registers tells: each
 * thread has them on its own stack.
 */
#ifndef SYSCOUNT_RUNNING_H
#define SYSCOUNT_RUNNING_H

/* Where this CPU's rows of a group are looked for: see near_place(). It comes with the record, since it takes a
 * multiplication. */
static __always_inline __u32 near_of(__u64 group, __u32 pid)
{
	__u32 hash = (group ^ pid) * 0x9e3779b97f4a7c15ULL >> 40; /* Fibonacci hashing */

	return bpf_get_smp_processor_id() * sizeof(struct near_row) << near_shift | (hash & near_sets);
}

/*
 * After the record was changed: whether what its thread does next is plain. Who makes it something else later says
 * so himself; a tick may do so in between, hence it is asked last.
 */
static __always_inline void note_plainness(struct running *r)
{
	__u32 mode = in_force.mode;
	__u32 plain = r->observed ? mode : IGNORED;

	if (r->observed && (r->observed != OBSERVED || r->suspended || r->early == EARLY_WANTED || filter_results ||
			    doubled & DOUBLED_SWITCHES))
		plain = NOT_PLAIN;
	if (r->start_ns && plain != MODE_ACCOUNT)
		plain = NOT_PLAIN;
	if (row_group == GROUP_BY_CGROUP || filter_subjects)
		plain |= BY_SUBJECT;
	if (r->early)
		plain |= LISTED;
	r->plain = plain;
	barrier();
	if (r->first_ns)
		r->plain = NOT_PLAIN;
}

/* The thread whose record this is, to be read only. */
static __always_inline struct task_struct *running_task(struct cpu *cpu)
{
	if (has_rdonly_cast)
		return CAST(struct task_struct, (void *)cpu->running.task);
	return bpf_get_current_task_btf();
}

/*
 * The record of a thread that left the CPU unseen: its storage cannot be had from
 * here. If it was in a call, that one's end will find no beginning.
 */
static __always_inline void displace(struct cpu *cpu)
{
	cpu->counters.switches_missed++;
	cpu->counters.overwritten += is_open(cpu->running.start_ns);
}

/*
 * The open call goes back into the storage of the thread that runs, or leaves the CPU. The
 * record has no thread only when it is empty: a tick may come in between and bring the
 * thread in again, with its call.
 */
static __always_inline void give_back(struct cpu *cpu, struct task_struct *task, struct thread *t)
{
	struct running *r = &cpu->running;

	if (r->task && r->task != (__u64)task) {
		displace(cpu);
	} else if (r->task && t) {
		if (r->start_ns) {
			t->start_ns = r->start_ns;
			t->syscall = r->syscall;
		}
		if (r->stale)
			t->wait.call = 0;
	}
	r->generation = 0;
	barrier();
	r->regs = 0;
	r->start_ns = 0;
	r->first_ns = 0;
	r->stale = false;
	r->first = START_ENTRY;
	barrier();
	r->task = 0;
}

/*
 * The thread's storage comes to the CPU. At the end of a call a tick may interrupt this,
 * and do the same (tick.h; on arm64 the registers do not tell a result that equals the first
 * argument from a call): so the record has its thread first, of which a tick then sees no
 * verdict yet, and what the tick has brought in is kept. Where the call's beginning is, is
 * asked in the order in which a tick takes it along: the storage first.
 */
static __always_inline void hold(struct running *r, struct task_struct *task, struct thread *t)
{
	__u64 start_ns = *(volatile __u64 *)&t->start_ns;

	barrier();
	if (!start_ns && r->task == (__u64)task)
		start_ns = r->start_ns;
	r->generation = 0;
	r->task = (__u64)task;
	barrier();
	r->start_ns = start_ns;
	t->start_ns = 0;
	r->syscall = t->syscall;
	r->group = t->group;
	r->pid = t->pid;
	r->near = near_of(t->group, t->pid);
	r->subject = t->subject;
	r->observed = t->observed;
	r->suspended = t->suspended_ret != 0;
	r->first_ns = t->wait.call == UNTIMED ? t->wait.first_ns : 0;
	r->first = t->wait.first;
	r->regs = t->regs;
	r->early = t->early;
	note_plainness(r);
	barrier();
	r->generation = t->generation;
}

/* What was open when an earlier attachment ended has no end in this one. */
static __always_inline void forget_earlier(struct cpu *cpu, struct thread *t)
{
	if (t->attachment == attachment)
		return;
	t->attachment = attachment;
	cpu->counters.overwritten += is_open(t->start_ns);
	cpu->counters.abandoned += t->suspended_ret != 0;
	t->start_ns = 0;
	t->suspended_ret = 0;
	t->delivered = 0;
	t->executed = false;
	t->by_watch = false;
	t->resumed = false;
	t->wait.call = 0;
	t->wait.off_ns = 0;
}

#include "resting.h"
#include "switchover.h"
#include "succession.h"

/* Takes the thread's record to the CPU, with a verdict of the filter in force. Global: see ADDRESS. */
__noinline int take(struct cpu *cpu)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct running *r;
	struct thread *t;

	if (!cpu)
		return false;
	r = &cpu->running;
	r->observed = false;
	if (!r->task) { /* so that a tick leaves it alone: see hold() */
		r->generation = 0;
		r->task = (__u64)task;
		barrier();
	}
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	give_back(cpu, task, t);
	if (!t) {
		cpu->counters.storage_failed++;
		return false;
	}
	forget_earlier(cpu, t);
	if (t->by_watch)
		leave_watch(cpu, t, task, false);
	t->regs = (__u64)user_registers(task);
	if (!is_decided(task, t->generation, t->subject) || !is_ours(t->observed) || is_calibrating(task))
		decide(t);
	hold(r, task, t);
	return t->observed;
}

/* The record on the CPU is of the thread that makes this call, and its verdict is still right. */
static __always_inline bool is_current(struct cpu *cpu, struct pt_regs *regs)
{
	struct running *r = &cpu->running;

	return likely(r->regs == (__u64)regs) && is_decided(running_task(cpu), r->generation, r->subject);
}

static __always_inline bool is_observed(struct cpu *cpu, struct pt_regs *regs)
{
	struct running *r = &cpu->running;

	if (unlikely(!is_current(cpu, regs)))
		return take(cpu);
	return likely(is_ours(r->observed)) ? r->observed : regroup(cpu);
}

#endif
