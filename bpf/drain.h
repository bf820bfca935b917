/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls in flight when a few of them come to be followed by their functions. A
 * program on the end of a function does not see the calls that were in it before
 * (kernel/bpf/trampoline.c), and those of other functions nobody would see: so the
 * tracepoint of ends stays attached until they have ended, for a bounded time. This
 * iterator counts them, and in the end voids what is left, so that a record does not
 * tell of a call that ended unseen when the tracepoints come back.
 */
#ifndef SYSCOUNT_DRAIN_H
#define SYSCOUNT_DRAIN_H

volatile __u64 followed_ns = 0; /* since when functions are followed, CLOCK_MONOTONIC */
volatile bool voiding = false;
__u64 undrained_calls = 0; /* that somebody wants to know of */
__u64 voided_named = 0; /* calls that the filter observes */
__u64 voided_unstamped = 0; /* of these, without a stamp */
__u64 voided_others = 0; /* calls that it leaves out */

/* Since when the thread's call is known; 0: it is not, or will begin again and be seen by its function. */
static __always_inline __u64 known_since(const struct thread *t, struct task_struct *task, struct pt_regs *regs)
{
	struct open_call open = {};

	if (t->suspended_ret)
		return 0;
	if (is_open(t->start_ns) && t->start_ns != UNTIMED)
		return t->start_ns;
	if (t->wait.call == UNTIMED && (t->start_ns == UNTIMED || is_in_call(regs)))
		return t->wait.first_ns - TWO_TICKS_NS; /* it began before it was known */
	if (!t->start_ns)
		running_call(&open, task, regs);
	return open.start_ns;
}

/* The thread does not run: its record is the only one. */
static __always_inline void void_call(struct thread *t, bool is_named)
{
	bool is_stamped = is_open(t->start_ns);

	t->start_ns = 0;
	t->wait.call = 0;
	t->wait.off_ns = 0;
	if (is_named) {
		voided_named++;
		voided_unstamped += !is_stamped;
	} else {
		voided_others += is_stamped;
	}
}

SEC("iter/task")
int drain(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct pt_regs *regs;
	struct thread *t;
	bool is_named;
	__u64 since;
	__u32 slot;

	if (!task)
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!t || t->attachment != attachment || !t->observed)
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	since = known_since(t, task, regs);
	if (!since || since >= followed_ns)
		return 0;
	slot = t->start_ns ? t->syscall : syscall_slot(task, number_in(regs));
	is_named = has_trait(slot, TRAIT_OBSERVED);
	undrained_calls += is_named || threshold_of(slot) != NEVER;
	if (voiding && !is_on_cpu(task))
		void_call(t, is_named);
	return 0;
}

#endif
