/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mode watch takes over what another mode knows of a thread's call: see switchover.h. */
#ifndef SYSCOUNT_TAKEOVER_H
#define SYSCOUNT_TAKEOVER_H

/* The thread is in its suspended call again; modes without a beginning learn it at the end only. */
static __always_inline void go_on(struct cpu *cpu, struct thread *t, struct task_struct *task, struct pt_regs *regs)
{
	__u32 slot = syscall_slot(task, number_in(regs));

	if (!t->suspended_ret || t->handlers || !is_in_call(regs))
		return;
	if (slot != t->suspended && !has_trait(slot, TRAIT_RESTART))
		return;
	cpu->counters.resumed++;
	t->suspended_ret = 0;
	t->syscall = t->suspended;
	t->start_ns = t->suspended_start_ns;
	cpu->counters.unstamped++; /* its beginning is seen now, in a way */
}

/* The start of the call that the thread is in or has suspended: a time, UNTIMED, or 0. */
static __always_inline __u64 known_start(const struct thread *t)
{
	return t->suspended_ret ? t->suspended_start_ns : t->start_ns;
}

/* Something is known of the call with this start. */
static __always_inline bool is_known(const struct thread *t, __u64 start_ns)
{
	if (start_ns > LEFT_OUT)
		return true;
	return start_ns != LEFT_OUT && t->wait.call == UNTIMED;
}

/*
 * The record becomes mode watch's own. Same: the thread is in the call of the record,
 * or has it suspended. It is `resumed` then, so that its waits go on being added up,
 * and a callback is asked for when the thread has the CPU.
 */
static __noinline void take_over(struct cpu *cpu, struct thread *t, struct task_struct *task, struct pt_regs *regs,
				 bool same)
{
	struct wait *w = &t->wait;
	__u64 start_ns;

	if (same)
		go_on(cpu, t, task, regs);
	start_ns = known_start(t);
	cpu->counters.handed_over += is_open(t->start_ns);
	t->by_watch = true;
	t->resumed = false;
	t->known_ns = 0;
	if (!same || !is_known(t, start_ns) || (t->suspended_ret && t->handlers)) {
		cpu->counters.switches_missed += !same && t->wait.off_ns;
		cpu->counters.abandoned += t->suspended_ret != 0;
		t->suspended_ret = 0;
		t->start_ns = 0;
		forget_call(t);
		return;
	}
	if (start_ns > LEFT_OUT) {
		if (w->call != start_ns) {
			begin_waits_apart(w, task, UNTIMED, start_ns); /* it has not waited yet */
			w->off_ns = 0;
		}
		w->call = UNTIMED;
		w->first_ns = start_ns;
		w->first = START_ENTRY;
	}
	t->ip = ip_of(regs);
	t->sp = regs->sp;
	if (t->suspended_ret) {
		t->suspended_start_ns = w->first_ns;
		t->syscall = t->suspended;
	} else {
		t->resumed = true;
		if (!t->start_ns)
			t->syscall = syscall_slot(task, number_in(regs));
	}
	t->start_ns = 0;
}

/* The running thread's record goes from the CPU into its storage, where mode watch has it. */
static __noinline void unload(struct cpu *cpu, struct task_struct *task)
{
	struct running *r = &cpu->running;
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);

	if (t && r->first == START_TICK && r->task == (__u64)task)
		keep_tick(r, t, task);
	give_back(cpu, task, t);
}

#endif
