/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mode count sees the end of calls only, and there the number is not always
 * what it was at the beginning.
 */
#ifndef SYSCOUNT_COUNT_H
#define SYSCOUNT_COUNT_H

/*
 * rt_sigreturn leaves -1 as the number, since it restores the registers of the
 * interrupted code; on arm64 so does execve. Other calls leave their own.
 */
static __always_inline __u32 slot_at_exit(struct task_struct *task, struct thread *t, struct pt_regs *regs)
{
	long id = number_at_exit(regs);
	bool executed = t->executed;

	t->executed = false;
	if (id == -1)
		id = executed ? execve_number(task) : sigreturn_number(task);
	return syscall_slot(task, id);
}

/* A new thread's first end is that of its parent's fork, which the parent ends as well. */
static __always_inline bool is_fork_child(struct thread *t, __u32 slot, long ret)
{
	bool first = !t->ended_once;

	t->ended_once = true;
	return first && ret == 0 && has_trait(slot, TRAIT_FORK);
}

#endif
