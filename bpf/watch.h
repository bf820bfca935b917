/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mode watch: nothing is attached to system calls. A thread that leaves the CPU
 * inside a call has its wait stamped; when it comes back after a long one, the
 * kernel is asked to call us back as the thread returns to user mode. The call
 * has ended then, and its result is in the registers.
 *
 * Nothing tells whether a thread that leaves the CPU again is still in the same
 * call, unless a callback is to come. So each wait begins a new record until
 * there is one, and one is asked for after a wait of a fraction of the
 * threshold, or when none was due for as long: what a call loses of its
 * beginning, because it waits in short pieces, is no more than that.
 */
#ifndef SYSCOUNT_WATCH_H
#define SYSCOUNT_WATCH_H

#include "callback.h"
#include "unseen.h"

#define PF_EXITING 0x00000004 /* include/linux/sched.h */

/* The call goes on after a restart: its arguments and its place are those of before. */
static __always_inline bool is_restarted(const struct thread *t, struct pt_regs *regs, __u32 slot)
{
	return (slot == t->suspended || has_trait(slot, TRAIT_RESTART)) && ip_of(regs) == t->ip && regs->sp == t->sp;
}

/* The thread has come back to user mode: none of its calls is open. */
static __always_inline void forget_call(struct thread *t)
{
	t->wait.call = 0;
	t->wait.off_ns = 0;
	t->resumed = false;
}

#include "takeover.h"

static __always_inline void hand_over_watched(struct cpu *cpu, __u32 slot, struct ended *ended)
{
	if (ended->end_ns < ended->start_ns) {
		cpu->counters.negative++;
		return;
	}
	if (is_wanted_result(ended->ret))
		judge(cpu, slot, ended);
}

static __always_inline void suspend_watched(struct cpu *cpu, struct thread *t, const struct ended *ended)
{
	cpu->counters.exit++;
	cpu->counters.unstamped++;
	cpu->counters.suspended++;
	t->handlers = 0;
	t->suspended = t->syscall;
	t->suspended_start_ns = ended->start_ns;
	t->suspended_end_ns = ended->end_ns;
	t->suspended_ret = ended->ret;
}

/* The end of the call of which the callback was asked for, if this is where the kernel calls back. */
static __always_inline void end_watched(struct cpu *cpu, struct thread *t, struct pt_regs *regs)
{
	bool replaced = has_trait(t->syscall, TRAIT_NEW_REGISTERS) && ip_of(regs) != t->ip;
	struct ended ended = {
		.start_ns = t->wait.first_ns,
		.end_ns = bpf_ktime_get_ns(),
		.ret = replaced ? 0 : result_of(regs, t->syscall),
		.first_ns = t->wait.first_ns,
		.first = t->wait.first,
	};

	t->known_ns = ended.end_ns;
	if (!replaced && (is_in_call(regs) || number_in(regs) < 0 || ip_of(regs) != t->ip)) {
		cpu->counters.astray++;
		forget_call(t);
		return;
	}
	cpu->counters.returned++;
	if (t->generation != in_force.generation)
		decide(t);
	if (!t->observed) {
		cpu->counters.exit++;
		cpu->counters.unstamped++;
		cpu->counters.refiltered++;
		forget_call(t);
		return;
	}
	if (is_restart(ended.ret)) {
		suspend_watched(cpu, t, &ended);
		return;
	}
	hand_over_watched(cpu, t->syscall, &ended);
	forget_call(t);
}

static __always_inline void call_ended(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	struct cpu *cpu = this_cpu();

	forget_callback(task);
	if (!cpu || !t || !t->called_back)
		return;
	t->called_back = false;
	if (t->attachment == attachment && t->by_watch && t->wait.call == UNTIMED)
		end_watched(cpu, t, (struct pt_regs *)bpf_task_pt_regs(task));
	else
		cpu->counters.voided++;
}

/* What was open when an earlier attachment ended, and a verdict for this one. */
static __noinline void begin_watching(struct cpu *cpu, struct thread *t, struct task_struct *task)
{
	if (t->attachment != attachment) {
		if (t->called_back && forget_callback(task))
			cpu->counters.voided++;
		t->called_back = false;
		t->known_ns = bpf_ktime_get_ns();
		forget_earlier(cpu, t);
	}
	decide(t);
}

/* With a verdict for this attachment and filter. False: its call is left out. */
static __always_inline bool is_watched(struct cpu *cpu, struct thread *t, struct task_struct *task, __u32 slot)
{
	if (t->attachment != attachment || !is_decided(task, t->generation, t->subject))
		begin_watching(cpu, t, task);
	return t->observed && has_trait(slot, TRAIT_OBSERVED);
}

/*
 * True: this is the call that the waits in the record are of. A suspended call
 * that another one follows has ended where nobody looked, or a handler runs.
 */
static __always_inline bool is_same_call(struct cpu *cpu, struct thread *t, struct pt_regs *regs, __u32 slot)
{
	if (t->called_back || (t->resumed && !missed_coming(cpu, t)))
		return true;
	if (!t->suspended_ret)
		return false;
	t->suspended_ret = 0;
	if (!is_restarted(t, regs, slot)) {
		cpu->counters.abandoned++;
		return false;
	}
	cpu->counters.resumed++;
	t->resumed = true;
	return true;
}

static __always_inline void begin_watched(struct cpu *cpu, struct thread *t, struct task_struct *task,
					  struct pt_regs *regs, __u32 slot, __u64 now)
{
	missed_coming(cpu, t);
	t->syscall = slot;
	t->ip = ip_of(regs);
	t->sp = regs->sp;
	begin_waits(&t->wait, task, UNTIMED, now);
}

/*
 * A thread that leaves the CPU with a result that asks for a restart is stopped or
 * frozen on its way there. If no callback has told so, because the wait before was
 * short, it has not been off the CPU since.
 */
static __always_inline bool is_suspended(struct cpu *cpu, struct thread *t, struct task_struct *task,
					 struct pt_regs *regs, __u64 now)
{
	struct ended ended = { .start_ns = t->wait.first_ns, .end_ns = now, .ret = result_of(regs, t->syscall) };

	if (t->suspended_ret)
		return true;
	if (t->wait.call != UNTIMED || t->called_back || !is_restart(ended.ret) || number_in(regs) < 0 ||
	    ip_of(regs) != t->ip || regs->sp != t->sp || switches_of(task) != t->switches + 1)
		return false;
	suspend_watched(cpu, t, &ended);
	return true;
}

/* The thread is about to wait once more in its call; it may have come to the CPU unseen. */
static __always_inline void go_on_waiting(struct cpu *cpu, struct thread *t, struct task_struct *task, __u64 now)
{
	if (t->wait.off_ns) {
		cpu->counters.switches_missed++;
		end_unseen_wait(&t->wait, task, now);
	}
	settle(&t->wait, task);
}

static __always_inline void go_off(struct thread *t, struct task_struct *task, __u32 class, __u64 now)
{
	off_cpu(&t->wait, task, class, now);
	t->switches = switches_of(task);
	note_sleeper(t, task);
}

/* The thread's call has a result, but it has not come back to user mode, or not for good. As wait_in_call(). */
__noinline __u64 stay_in_call(struct cpu *cpu, __u32 class)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = user_registers(task);
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 now;

	if (!cpu || !t || t->attachment != attachment || (class == WAIT_RUNQUEUE && !t->called_back))
		return 0;
	if (!t->by_watch) {
		if (!t->suspended_ret) /* its end was seen, and the callback is void */
			return 0;
		take_over(cpu, t, task, regs, true);
	}
	now = bpf_ktime_get_ns();
	if (!t->called_back && !is_suspended(cpu, t, task, regs, now))
		return now;
	go_on_waiting(cpu, t, task, now);
	go_off(t, task, class, now);
	return now;
}

/*
 * The thread is about to wait in a call that somebody wants to know of. Gives the time, if
 * it has looked at the clock. Global: see ADDRESS.
 */
__noinline __u64 wait_in_call(struct cpu *cpu, __u32 class)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = user_registers(task);
	__u32 slot = syscall_slot(task, number_in(regs));
	struct thread *t;
	__u64 now;

	if (!cpu)
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		cpu->counters.storage_failed++;
		return 0;
	}
	if (!is_watched(cpu, t, task, slot))
		return 0;
	if (!t->by_watch)
		take_over(cpu, t, task, regs, switching);
	now = bpf_ktime_get_ns();
	if (is_same_call(cpu, t, regs, slot))
		go_on_waiting(cpu, t, task, now);
	else
		begin_watched(cpu, t, task, regs, slot, now);
	go_off(t, task, class, now);
	return now;
}

/* The thread leaves the CPU. */
static __always_inline void watch_out(struct cpu *cpu, struct task_struct *prev, const struct leaving *how,
				      __u64 *clock)
{
	struct pt_regs *regs;
	long number;
	__u32 slot;

	if (unlikely(cpu->running.task))
		unload(cpu, prev);
	if (PLAIN(prev, flags) & (PF_KTHREAD | PF_EXITING))
		return;
	regs = user_registers(prev);
	number = number_in(regs);
	if (unlikely(!is_in_call_of(regs, number))) {
		if (!is_runnable(how) || callbacks_to_come)
			*clock = stay_in_call(cpu, class_of(how));
		return;
	}
	slot = syscall_slot(prev, number);
	if (unlikely(is_wanted_wait(prev, regs, slot)))
		*clock = wait_in_call(cpu, class_of(how));
}

/* What the thread has in its storage is of the call in which it has been off the CPU until now. */
static __always_inline bool takes_over(struct cpu *cpu, struct thread *t, struct task_struct *next)
{
	if (!t->by_watch)
		take_over(cpu, t, next, (struct pt_regs *)bpf_task_pt_regs(next), true);
	return t->wait.off_ns;
}

/* Until now, in the call of its record. It may have left for something else since then, such as a preemption. */
static __always_inline bool has_waited(struct cpu *cpu, struct thread *t, struct task_struct *task)
{
	if (t->attachment != attachment)
		return false;
	if (t->switches == switches_of(task))
		return t->wait.off_ns;
	if (t->by_watch && !t->called_back)
		missed_coming(cpu, t);
	return false;
}

/* The thread comes to the CPU. */
static __always_inline void watch_in(struct cpu *cpu, struct task_struct *next, __u64 *clock)
{
	struct sleepers *place = sleepers_like(next);
	struct thread *t;
	__u64 now;

	if (!place || likely(!place->threads) || PLAIN(next, flags) & (PF_KTHREAD | PF_EXITING))
		return;
	t = bpf_task_storage_get(&threads, next, NULL, 0);
	if (!t)
		return;
	if (!has_waited(cpu, t, next)) {
		forget_sleeper(t, place);
		return;
	}
	if (!takes_over(cpu, t, next))
		return;
	*clock = now = *clock ?: bpf_ktime_get_ns();
	come(&t->wait, next, clock);
	if (t->called_back || t->suspended_ret)
		return;
	if (!t->resumed && t->wait.last_ns < piece_of(t) && now - t->known_ns < piece_of(t))
		return;
	t->resumed = false;
	t->known_ns = now;
	ask_for_callback(cpu, t, next);
}

/* A tick finds the running thread in a call: if nothing is known of the call, it begins here. */
static __always_inline void tick_watched(struct cpu *cpu, struct task_struct *task, struct pt_regs *regs)
{
	__u32 slot = syscall_slot(task, number_in(regs));
	struct thread *t;
	__u64 now;

	if (cpu->running.task)
		unload(cpu, task);
	if (!waits_of[table_index(slot)])
		return;
	/* None may be made while we interrupt the making of another: the next tick will do. */
	t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t || !is_watched(cpu, t, task, slot) || t->called_back)
		return;
	if (!t->by_watch)
		take_over(cpu, t, task, regs, switching);
	now = bpf_ktime_get_ns();
	if (!is_same_call(cpu, t, regs, slot)) {
		begin_watched(cpu, t, task, regs, slot, now);
		t->wait.off_ns = 0;
		t->wait.first = START_TICK;
	}
	t->resumed = false;
	t->known_ns = now;
	ask_for_callback(cpu, t, task);
}

/* A handler begins. It ends the suspended call with EINTR, unless that goes on after it. */
static __always_inline void deliver_watched(struct cpu *cpu, struct k_sigaction *action)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	struct ended ended = { .ret = -EINTR };

	if (!t || !t->suspended_ret || t->attachment != attachment ||
	    (unsigned long)action->sa.sa_handler <= SIG_IGN || goes_on(t->suspended_ret, action->sa.sa_flags))
		return;
	if (!t->by_watch)
		take_over(cpu, t, task, (struct pt_regs *)bpf_task_pt_regs(task), true);
	if (!t->suspended_ret)
		return;
	cpu->counters.interrupted++;
	t->suspended_ret = 0;
	ended.start_ns = ended.first_ns = t->suspended_start_ns;
	ended.end_ns = t->suspended_end_ns;
	ended.first = t->wait.first;
	hand_over_watched(cpu, t->suspended, &ended);
	forget_call(t);
}

/* The thread ends: no callback will come any more. */
static __always_inline void end_watching(struct cpu *cpu, struct thread *t, struct task_struct *task)
{
	if (is_watching() && t->attachment == attachment)
		missed_coming(cpu, t);
	if (!t->called_back)
		return;
	forget_callback(task);
	t->called_back = false;
	if (t->attachment == attachment && t->by_watch)
		cpu->counters.callbacks_died++;
	else
		cpu->counters.voided++;
}

/* The thread is off the CPU in a call of which its record is, or its callback is to come. */
static __always_inline bool is_watched_call(const struct thread *t, struct task_struct *task, struct pt_regs *regs)
{
	if (t->wait.call != UNTIMED)
		return false;
	if (is_on_cpu(task))
		return (t->called_back || t->resumed) && is_in_call(regs);
	if (t->suspended_ret && !is_in_call(regs))
		return t->wait.off_ns;
	return t->called_back || t->resumed || (is_in_call(regs) && t->switches == switches_of(task));
}

#endif
