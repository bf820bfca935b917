/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that burn CPU: nothing of them is seen where their beginning is not, and
 * they do not leave the CPU. A tick of the scheduler that finds a thread in a call
 * of which nothing is known yet is taken for its beginning.
 *
 * The tick is a timer that expires on the CPU, as others do: hrtimer_expire_entry
 * is a tracepoint of all kernels and architectures, and runs far less often than
 * sched_stat_runtime, which also comes with each wake-up and switch.
 */
#ifndef SYSCOUNT_TICK_H
#define SYSCOUNT_TICK_H

/*
 * We interrupt the thread in its call, where no other program of ours writes to
 * struct running: those of its ends run when the registers have no result to wait
 * for, and whatever is between two threads runs without interrupts.
 */
static __always_inline void tick_untimed(struct cpu *cpu, struct task_struct *task)
{
	struct running *r = &cpu->running;
	struct thread *t;

	if (!r->task && has_unstamped()) {
		t = acquaint(cpu, task);
		if (!t || !t->observed) /* nobody waits for it, and its next call may ask anew: is_calibrating() */
			return;
		if (t->by_watch)
			leave_watch(cpu, t, task, false);
		if (!is_ours(t->observed))
			return;
		hold(r, task, t);
	}
	if (r->task != (__u64)task || r->generation != in_force.generation || !r->observed || r->first_ns)
		return;
	if (r->start_ns != UNTIMED && (r->start_ns || !has_unstamped()))
		return;
	r->first = START_TICK;
	r->first_ns = bpf_ktime_get_ns();
	r->plain = NOT_PLAIN;
}

/* The thread leaves the CPU: its call's beginning goes with it. */
static __noinline void keep_tick(struct running *r, struct thread *t, struct task_struct *task)
{
	if (!r->first_ns || t->wait.first_ns == r->first_ns)
		return;
	begin_waits(&t->wait, task, UNTIMED, r->first_ns);
	t->wait.first = START_TICK;
	r->stale = false;
}

#endif
