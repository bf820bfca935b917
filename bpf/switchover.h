/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changing the mode while attached. There is one program for each tracepoint, which
 * serves all modes, so that each event is acted on once: a change attaches what the
 * new mode needs, sets the word `in_force.mode`, and detaches what is superfluous then. So
 * what is in flight is known to the new mode as far as it was to the old one:
 *
 * - A stamped call is closed from its stamp, by whichever mode is in force then.
 * - A call without a stamp is closed from its first block or tick, in mode account
 *   too. Its first block may come after the change: `switched`.
 * - Mode watch has nothing at the end of calls. What it knows of a call is worth
 *   something only as long as a callback is to come, or the thread has not run since:
 *   `by_watch` says that these are the rules for a thread's record. While the end of
 *   calls is still attached (`switching`) it takes all over that is known.
 *
 * The price is one comparison with a word in a cache line of .data that each call
 * reads anyway, and only of calls without a stamp; mode count gets that back
 * with one counter less.
 */
#ifndef SYSCOUNT_SWITCHOVER_H
#define SYSCOUNT_SWITCHOVER_H

#define ERESTART_RESTARTBLOCK 516 /* include/linux/errno.h */

static __always_inline bool is_counting(void)
{
	return in_force.mode == MODE_COUNT;
}

static __always_inline bool is_watching(void)
{
	return has_task_work != TASK_WORK_NONE && in_force.mode == MODE_WATCH;
}

/* Calls may be open whose beginning nobody has looked at, and which are ours all the same. */
static __always_inline bool has_unstamped(void)
{
	return is_counting() || switched;
}

/*
 * In restart_syscall the other modes take the slot of the call that goes on from the
 * suspended one, at the end: so it is suspended still.
 */
static __always_inline void keep_suspended(struct cpu *cpu, struct thread *t, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (t->suspended_ret || !has_trait(syscall_slot(task, number_in(regs)), TRAIT_RESTART))
		return;
	cpu->counters.exit++;
	cpu->counters.unstamped++;
	cpu->counters.suspended++;
	t->suspended = t->syscall;
	t->suspended_ret = -ERESTART_RESTARTBLOCK;
	t->handlers = 0;
}

/*
 * Another mode meets a thread whose record mode watch has made. Without a callback
 * to come, only a thread that has not run since is known to be in the same call.
 */
static __noinline void leave_watch(struct cpu *cpu, struct thread *t, struct task_struct *task, bool has_not_run)
{
	bool same = has_not_run || t->called_back || t->resumed;

	t->by_watch = false;
	t->resumed = false;
	t->suspended_start_ns = UNTIMED; /* it is in first_ns of the waits */
	if (same) {
		keep_suspended(cpu, t, task);
		return;
	}
	cpu->counters.switches_missed += t->wait.off_ns != 0;
	t->wait.call = 0;
	t->wait.off_ns = 0;
	cpu->counters.abandoned += t->suspended_ret != 0;
	t->suspended_ret = 0;
}

/*
 * The record of a thread that is in a call without a stamp. After a change of mode
 * it may have none yet, or no verdict: it has made no call since it came, or mode
 * watch had no wait of it to note. NULL: nothing is to be known of it.
 */
static __noinline struct thread *acquaint(struct cpu *cpu, struct task_struct *task)
{
	struct thread *t;

	if (!switched) {
		t = bpf_task_storage_get(&threads, task, NULL, 0);
		return t && t->attachment == attachment ? t : NULL;
	}
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t)
		return NULL;
	forget_earlier(cpu, t);
	if (!is_decided(task, t->generation, t->subject))
		decide(t);
	return t;
}

#endif
