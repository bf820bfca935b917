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
static __noinline bool has_executed(struct task_struct *task)
{
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	bool executed = t && t->executed;

	if (executed)
		t->executed = false;
	return executed;
}

static __always_inline __u32 slot_at_exit(struct task_struct *task, struct pt_regs *regs)
{
	long id = number_at_exit(regs);

	if (id == -1)
		id = has_executed(task) ? execve_number(task) : sigreturn_number(task);
	return syscall_slot(task, id);
}

#endif
