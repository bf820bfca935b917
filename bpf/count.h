/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mode count sees the end of calls only, and there the number is not always
 * what it was at the beginning.
 */
#ifndef SYSCOUNT_COUNT_H
#define SYSCOUNT_COUNT_H

/* In all modes: the next one may be this. */
static __noinline void note_handler(void)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	if (t)
		enter_handler(&t->delivered);
}

/* Where the beginning of calls is seen, that of rt_sigreturn is too. */
static __noinline void note_sigreturn(void)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	if (t)
		leave_handler(&t->delivered);
}

/*
 * rt_sigreturn leaves -1 as the number, since it restores the registers of the
 * interrupted code; on some kernels for arm64 so does execve. A program that calls number -1
 * itself is told from them by what happened before: a handler, an exec.
 */
static __noinline long number_of_minus_one(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);

	if (!t)
		return -1;
	if (EXECVE_LEAVES_MINUS_ONE && t->executed) {
		t->executed = false;
		return execve_number(task);
	}
	if (!t->delivered)
		return -1;
	leave_handler(&t->delivered);
	return sigreturn_number(task);
}

/* The call by which the other ABI's program has become this one, unless it is one of this one's own by the same
 * number. */
static __noinline long number_across(long id, long across)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	if (!t || !t->executed)
		return id;
	t->executed = false;
	return across;
}

static __always_inline __u32 slot_at_exit(struct task_struct *task, struct pt_regs *regs)
{
	long id = number_in(regs);
	long across = exec_across(task, id);

	if (unlikely(id == -1))
		id = number_of_minus_one();
	else if (unlikely(across))
		id = number_across(id, across);
	return syscall_slot(task, id);
}

#endif
