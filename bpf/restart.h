/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Restarts. A call that a signal interrupts may end with -512 to -516, which
 * user space never sees: the kernel begins it again, or a handler makes it
 * EINTR (signal(7), "Interruption of system calls"; handle_signal() in
 * arch/x86/kernel/signal.c). Here all of it is one call, from its first
 * beginning to its last end.
 */
#ifndef SYSCOUNT_RESTART_H
#define SYSCOUNT_RESTART_H

/* include/linux/errno.h */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514

#define EINTR 4
#define SA_RESTART 0x10000000UL
#define SIG_IGN 1UL

static __always_inline bool is_restart(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK && ret != -515;
}

/*
 * Handlers that run on top of each other. One that jumps elsewhere never ends:
 * at the largest number we have lost track, and stay there.
 */
static __always_inline void enter_handler(__u8 *handlers)
{
	*handlers += *handlers < 255;
}

static __always_inline void leave_handler(__u8 *handlers)
{
	*handlers -= *handlers > 0 && *handlers < 255;
}

static __noinline void suspend(struct cpu *cpu, const struct ended *ended)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	struct counters *c = &cpu->counters;

	c->suspended++;
	if (!t) {
		c->abandoned++;
		return;
	}
	if (t->suspended_ret)
		c->abandoned++;
	t->suspended = cpu->running.syscall;
	t->suspended_start_ns = ended->start_ns;
	t->suspended_end_ns = ended->end_ns;
	t->suspended_ret = ended->ret;
	t->handlers = 0;
	cpu->running.suspended = true;
	cpu->running.plain = NOT_PLAIN;
}

/*
 * At the beginning of a call of a thread that has a suspended one: gives back
 * that one's beginning and slot if it is the same call. While handlers run,
 * their own calls come first.
 */
static __noinline __u64 resume(struct cpu *cpu, __u32 *slot)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	if (!t)
		return 0;
	if (t->handlers) {
		if (has_trait(*slot, TRAIT_SIGRETURN))
			leave_handler(&t->handlers);
		return 0;
	}
	t->suspended_ret = 0;
	cpu->running.suspended = false;
	if (*slot != t->suspended && !has_trait(*slot, TRAIT_RESTART)) {
		cpu->counters.abandoned++;
		cpu->running.stale = t->wait.call == UNTIMED;
		cpu->running.first_ns = 0;
		return 0;
	}
	cpu->counters.resumed++;
	*slot = t->suspended;
	return t->suspended_start_ns;
}

static __always_inline bool goes_on(long ret, unsigned long flags)
{
	return ret == -ERESTARTNOINTR || (ret == -ERESTARTSYS && flags & SA_RESTART);
}

/* A handler begins. True: it ends the suspended call, with EINTR. */
static __noinline bool interrupt(struct cpu *cpu, struct k_sigaction *action, struct ended *ended)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	if (!t)
		return false;
	/* The first handler decides; later ones run on top of it. */
	if (t->handlers || goes_on(t->suspended_ret, action->sa.sa_flags)) {
		enter_handler(&t->handlers);
		return false;
	}
	cpu->running.suspended = false;
	cpu->running.syscall = t->suspended;
	cpu->counters.interrupted++;
	ended->start_ns = t->suspended_start_ns;
	ended->end_ns = t->suspended_end_ns;
	ended->ret = -EINTR;
	ended->first_ns = t->wait.call == UNTIMED ? t->wait.first_ns : 0;
	ended->first = t->wait.first;
	t->suspended_ret = 0;
	t->wait.call = t->wait.call == UNTIMED ? 0 : t->wait.call;
	cpu->running.first_ns = 0;
	return true;
}

#endif
