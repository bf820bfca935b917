/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls in flight when a few of them come to be followed by their functions. A
 * program on the end of a function does not see the calls that were in it before
 * (kernel/bpf/trampoline.c), and those of other functions nobody would see: so the
 * tracepoint of ends stays attached until they have ended, for a bounded time. This
 * iterator counts them, and takes back stamps of calls that end unseen: else the
 * tracepoint, when it comes back, would take them for those of other calls.
 */
#ifndef SYSCOUNT_DRAIN_H
#define SYSCOUNT_DRAIN_H

volatile __u64 followed_ns = 0; /* since when functions are followed, CLOCK_MONOTONIC */
volatile __u8 drain_step = 0;
__u64 undrained_calls = 0; /* that somebody wants to know of, at the last look */
__u64 given_up = 0; /* of these, those that the filter observes, at the end */
__u64 voided_left_out = 0; /* stamps of those that it leaves out */
__u64 voided_ended = 0; /* stamps of calls that ended unseen */

/* What drain does. */
enum drain_step {
	DRAIN_LOOK = 0, /* count */
	DRAIN_GIVE_UP = 1, /* the tracepoint is about to go */
	DRAIN_ENDED =
		2, /* it is about to come back: which stamps are of calls that their threads are not in any more */
};

/* What a call may have run, and waited in short pieces, before it was known: ticks are 10 ms at most. */
#define TWO_TICKS_NS 20000000ULL

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

/* The thread does not run: this is its only record. */
static __always_inline void void_stamp(struct thread *t)
{
	t->start_ns = 0;
	t->wait.call = 0;
	t->wait.off_ns = 0;
}

static __always_inline void void_ended(struct thread *t, struct task_struct *task, struct pt_regs *regs)
{
	if (!is_open(t->start_ns) || is_on_cpu(task) || is_unended(t->syscall, task, regs))
		return;
	void_stamp(t);
	voided_ended++;
}

/* A call that the filter observes stays known as long as its thread is in it: it may be stuck. */
static __always_inline void drain_call(struct thread *t, struct task_struct *task, __u32 slot)
{
	bool is_named = has_trait(slot, TRAIT_OBSERVED);

	undrained_calls += is_named || threshold_of(slot) != NEVER;
	if (drain_step != DRAIN_GIVE_UP)
		return;
	given_up += is_named;
	if (is_named || !is_open(t->start_ns) || is_on_cpu(task))
		return;
	void_stamp(t);
	voided_left_out++;
}

SEC("iter/task")
int drain(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct pt_regs *regs;
	struct thread *t;
	__u64 since;

	if (!task)
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!t || t->attachment != attachment || !t->observed)
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	if (drain_step == DRAIN_ENDED) {
		void_ended(t, task, regs);
		return 0;
	}
	since = known_since(t, task, regs);
	if (since && since < followed_ns)
		drain_call(t, task, t->start_ns ? t->syscall : syscall_slot(task, number_in(regs)));
	return 0;
}

#endif
