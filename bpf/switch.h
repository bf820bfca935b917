/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Context switches, where calls are counted: the record of a thread goes with it, and its waits are noted. */
#ifndef SYSCOUNT_SWITCH_H
#define SYSCOUNT_SWITCH_H

/* Mode count: the thread blocks in a call that is never slow, or in none. Nobody asks how long that takes. */
static __always_inline bool is_unasked(struct task_struct *prev)
{
	struct pt_regs *regs = user_registers(prev);
	long number = number_in(regs);

	return is_counting() &&
	       (!is_in_call_of(regs, number) || !is_wanted_wait(prev, regs, syscall_slot(prev, number)));
}

/*
 * The thread has made calls since it came, is in none that anybody waits for,
 * and its storage has nothing to learn. That cannot be said of one that blocks where
 * calls have no stamp, if the call may be slow.
 */
static __always_inline bool is_idle(const struct running *r, struct task_struct *prev, const struct leaving *how)
{
	if (r->task != (__u64)prev || r->start_ns || r->first_ns || r->stale)
		return false;
	if (!waits || !r->observed)
		return true;
	if (r->suspended)
		return false;
	return !has_unstamped() || is_runnable(how) || is_unasked(prev);
}

/*
 * After a change of mode: the thread may be in a call that it began before, and
 * that nobody knows of yet.
 */
static __always_inline bool is_stranger(const struct thread *t, struct task_struct *task, __u32 class)
{
	if (!switched || class == WAIT_RUNQUEUE || class >= WAIT_STOPPED)
		return false;
	return (!t || t->attachment != attachment || t->generation != in_force.generation) &&
	       is_in_call(user_registers(task));
}

/* The thread takes its record along. Gives the time, if it has looked at the clock. Global: see ADDRESS. */
__noinline __u64 take_along(struct cpu *cpu, __u32 class)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	struct running *r;
	__u64 now = 0;

	if (!cpu)
		return 0;
	r = &cpu->running;
	if (t && r->first == START_TICK && r->task == (__u64)task)
		keep_tick(r, t, task);
	give_back(cpu, task, t);
	if (t && t->by_watch)
		leave_watch(cpu, t, task, false);
	if (waits && is_stranger(t, task, class))
		t = acquaint(cpu, task);
	if (waits && t)
		leave(t, task, class, &now);
	return now;
}

/* The thread leaves the CPU. */
static __always_inline void switch_out(struct cpu *cpu, struct task_struct *prev, const struct leaving *how,
				       __u64 *now)
{
	struct running *r = &cpu->running;

	if (is_idle(r, prev, how)) {
		if (r->generation)
			put_to_rest(cpu, prev);
		give_back(cpu, prev, NULL);
		return;
	}
	if (PLAIN(prev, flags) & PF_KTHREAD || (!waits && !r->task)) {
		if (r->task)
			give_back(cpu, prev, NULL);
		return;
	}
	*now = take_along(cpu, class_of(how));
}

static __always_inline void switch_in(struct cpu *cpu, struct task_struct *next, __u64 *now)
{
	struct sleepers *place = sleepers_like(next);
	struct thread *t;

	if (!place || likely(!place->threads) || PLAIN(next, flags) & PF_KTHREAD)
		return;
	t = bpf_task_storage_get(&threads, next, NULL, 0);
	if (!t)
		return;
	if (!t->wait.off_ns) {
		forget_sleeper(t, place);
		return;
	}
	if (t->by_watch)
		leave_watch(cpu, t, next, t->attachment == attachment && t->switches == switches_of(next));
	if (!t->wait.off_ns)
		return;
	come(&t->wait, next, now);
	if (t->attachment == attachment && is_ours(t->observed))
		hold(&cpu->running, next, t);
}

#endif
