/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel leaves out. While somebody attaches to sched_switch or detaches from it, some switches are told to
 * nobody (running.h). Mode watch has only these to find a slow call by: so each that it does not see is
 * noticed by what follows, and counted if a slow call may be lost by it.
 */
#ifndef SYSCOUNT_UNSEEN_H
#define SYSCOUNT_UNSEEN_H

/* An int until some release after 6.18, a byte since: read as wide as it is. */
static __always_inline bool is_on_cpu(struct task_struct *task)
{
	return !bpf_core_field_exists(task->on_cpu) || BPF_CORE_READ_BITFIELD_PROBED(task, on_cpu);
}

/* At the end of a wait of at least a fraction of the threshold the kernel is asked to call back. */
#define PIECES 16

static __always_inline __u64 piece_of(const struct thread *t)
{
	return threshold_of(t->syscall) / PIECES;
}

/*
 * Every coming is looked at, so what is still off the CPU in the record of a thread that
 * runs has come unseen: see running.h. No callback was asked for, and the call has ended, or not. It does not
 * matter where none would have been asked for either.
 */
static __always_inline bool missed_coming(struct cpu *cpu, struct thread *t)
{
	if (!t->wait.off_ns)
		return false;
	cpu->counters.switches_missed += bpf_ktime_get_ns() - t->wait.off_ns >= piece_of(t);
	t->wait.off_ns = 0;
	t->resumed = false;
	return true;
}

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/* It has not been elsewhere meanwhile, and left there for what it waits for now; and it is not left out. */
static __always_inline bool may_wait_unknown(const struct thread *t, struct task_struct *task)
{
	if (t->wait.off_ns && t->switches == switches_of(task))
		return false;
	return t->observed || t->generation != in_force.generation;
}

/*
 * The kernel has left out that a thread left the CPU. If it waits in a call that somebody
 * wants to know of, nobody has noted that, and the call may be lost.
 */
static __noinline void miss_leaving(struct cpu *cpu)
{
	struct task_struct *task = bpf_task_from_pid(cpu->came - 1);
	struct pt_regs *regs;
	struct thread *t;
	__u32 slot;

	if (!task)
		return;
	regs = user_registers(task);
	slot = syscall_slot(task, number_in(regs));
	if (!is_on_cpu(task) && is_in_call(regs) && has_trait(slot, TRAIT_OBSERVED) &&
	    is_wanted_wait(task, regs, slot)) {
		t = bpf_task_storage_get(&threads, task, NULL, 0);
		cpu->counters.switches_missed += !t || may_wait_unknown(t, task);
	}
	bpf_task_release(task);
}

/* Who leaves the CPU is who came to it last. */
static __always_inline void keep_order(struct cpu *cpu, struct task_struct *prev, struct task_struct *next)
{
	if (unlikely(cpu->came != (__u32)PLAIN(prev, pid) + 1) && cpu->came)
		miss_leaving(cpu);
	cpu->came = (__u32)PLAIN(next, pid) + 1;
}

#endif
