/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waits: where a call's time went while its thread was off the CPU. All of it
 * happens in sched_switch, so that a call which never leaves the CPU pays
 * nothing. One look at the clock serves the thread that leaves and the one that
 * comes.
 */
#ifndef SYSCOUNT_WAIT_H
#define SYSCOUNT_WAIT_H

/* include/linux/sched.h */
#define TASK_INTERRUPTIBLE 0x1
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_STOPPED 0x4
#define TASK_TRACED 0x8
#define TASK_WAKING 0x200
#define TASK_NOLOAD 0x400
#define TASK_FROZEN 0x8000
#define PF_KTHREAD 0x00200000

/* A shorter wait's stack explains nothing, and taking it costs more than all else here. */
#define LOOK_NS 1000000

#include "sleeper.h"

/* How a thread leaves the CPU, as sched_switch tells. */
struct leaving {
	bool preempted;
	__u32 state;
};

/* It does not wait for anything but a CPU. */
static __always_inline bool is_runnable(const struct leaving *how)
{
	return how->preempted || !how->state;
}

/* enum wait_class. Asked for where it is used, which few switches come to. */
static __always_inline __u32 class_of(const struct leaving *how)
{
	__u32 state = how->state;

	if (is_runnable(how))
		return WAIT_RUNQUEUE;
	if (state & TASK_FROZEN)
		return WAIT_FROZEN;
	if (state & TASK_STOPPED)
		return WAIT_STOPPED;
	if (state & TASK_TRACED)
		return WAIT_TRACED;
	if (state & TASK_WAKING)
		return WAIT_SLEEP; /* somebody was faster than we: it slept */
	/* TASK_IDLE is the uninterruptible sleep of those who do not count as busy. */
	if (state & TASK_UNINTERRUPTIBLE && !(state & TASK_NOLOAD))
		return WAIT_IO;
	return WAIT_SLEEP;
}

/*
 * The freezer of cgroup v2 has no state of its own: its tasks sleep where they
 * could be interrupted (do_freezer_trap() in kernel/signal.c).
 */
static __always_inline bool is_frozen(struct task_struct *task, __u32 class)
{
	return class == WAIT_SLEEP && bpf_core_field_exists(task->frozen) && BPF_CORE_READ_BITFIELD(task, frozen);
}

/*
 * CPU quotas of the thread's task group and the groups above it: the time for which they
 * were used up. The root has none, and most threads of a small host are in it or right below.
 */
static __always_inline __u64 throttled_ns(struct task_struct *task)
{
	struct task_group *group = LOAD(task, sched_task_group);
	__u64 sum = 0;

	if (!bpf_core_field_exists(group->cfs_bandwidth))
		return 0;
	for (int i = 0; i < 4 && group; i++) {
		struct task_group *parent = LOAD(group, parent);

		if (!parent)
			break;
		sum += LOAD(group, cfs_bandwidth.throttled_time);
		group = parent;
	}
	return sum;
}

static __always_inline __u64 run_delay_of(struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info) ? LOAD(task, sched_info.run_delay) : 0;
}

static __always_inline void name_thread(struct thread_name *name, struct task_struct *task)
{
	name->pid = pid_in_our_namespace(FIELD(task, group_leader));
	name->tid = pid_in_our_namespace(task);
	bpf_probe_read_kernel_str(name->comm, sizeof(name->comm), task->comm);
}

/* include/linux/hung_task.h: the low bits of task->blocker say what kind of lock it is. */
#define BLOCKER_MUTEX 0
#define BLOCKER_SEMAPHORE 1
#define BLOCKER_KINDS 3

/* The owners of mutexes and of rw_semaphores have flags in their low bits. */
static __noinline void name_blocker(struct wait *w, unsigned long blocker)
{
	void *lock = (void *)(blocker & ~(unsigned long)BLOCKER_KINDS);
	unsigned long kind = blocker & BLOCKER_KINDS;
	unsigned long owner;

	if (kind == BLOCKER_SEMAPHORE)
		return;
	if (kind == BLOCKER_MUTEX)
		owner = BPF_CORE_READ((struct mutex *)lock, owner.counter);
	else
		owner = BPF_CORE_READ((struct rw_semaphore *)lock, owner.counter);
	owner &= ~7UL;
	if (owner)
		name_thread(&w->blocker, (struct task_struct *)owner);
}

/*
 * What of the last wait was spent without a CPU: the time since it was woken. Of a wait
 * that was shorter than a tick nobody has noted that, but the scheduler has added it up
 * since. Of a longer one it may be wrong: Linux 6.12 takes a sleeper that it moves to
 * another CPU, before it has left the queue for good, for a runnable one.
 */
static __always_inline void settle(struct wait *w, struct task_struct *task)
{
	__u64 runnable = w->woken_ns ?: run_delay_of(task) - w->run_delay;
	__u32 class = w->class;

	if (!w->last_ns)
		return;
	if (runnable > w->last_ns)
		runnable = w->last_ns;
	w->last_ns = 0;
	if (class == WAIT_RUNQUEUE || class >= WAIT_CLASSES)
		return;
	w->total_ns[class] -= runnable;
	w->total_ns[WAIT_RUNQUEUE] += runnable;
}

static __always_inline void begin_waits(struct wait *w, struct task_struct *task, __u64 call, __u64 now)
{
	w->call = call;
	w->first_ns = now;
	__builtin_memset(w->total_ns, 0, sizeof(w->total_ns));
	w->last_ns = 0;
	w->longest_ns = 0;
	w->voluntary = 0;
	w->involuntary = 0;
	w->frames = 0;
	w->first = START_FIRST_BLOCK;
	w->unfollowed = false;
	w->longest_class = WAIT_CLASSES;
	w->longest_iowait = 0;
	w->waker.pid = 0;
	w->waker.tid = 0;
	w->longest_waker.pid = 0;
	w->longest_waker.tid = 0;
	w->blocker.pid = 0;
	w->blocker.tid = 0;
	w->longest_waking_stack = -1;
	w->throttled_ns = throttled_ns(task);
	w->major_faults = LOAD(task, maj_flt);
}

/* Where that is rare. */
static __noinline void begin_waits_apart(struct wait *w, struct task_struct *task, __u64 call, __u64 now)
{
	begin_waits(w, task, call, now);
}

/*
 * The call that the thread is in, by its start; 0: in none. Where the beginning
 * was not looked at the registers tell, which hold no result yet.
 */
static __always_inline __u64 call_of(struct thread *t, struct task_struct *task, __u32 class)
{
	if (t->suspended_ret)
		return t->suspended_start_ns;
	if (t->start_ns || !has_unstamped())
		return is_open(t->start_ns) ? t->start_ns : 0;
	if (!t->observed || t->generation != in_force.generation || class >= WAIT_STOPPED)
		return 0;
	if (class == WAIT_RUNQUEUE && t->wait.call != UNTIMED)
		return 0;
	return is_in_call(user_registers(task)) ? UNTIMED : 0;
}

/*
 * Somebody wants to know of this wait. Not if it is on a kind of descriptor on which the call is never slow: some six
 * loads that depend on each other, and then nothing more at this wait. Not asked where each is a
 * call.
 */
static __always_inline bool is_wanted_wait(struct task_struct *task, struct pt_regs *regs, __u32 slot)
{
	__u32 wanted = waits_of[table_index(slot)];
	__u64 args[6];

	if (!has_rdonly_cast || !(wanted & WAITS_EXEMPT))
		return wanted;
	read_args(regs, slot, args);
	return !(wanted >> kind_waited_on(task, args[0]) & 1);
}

/*
 * A call that is never slow, such as an event loop's epoll_wait, is not followed: nobody
 * would read of its waits, and nearly all waits of a healthy host are in such calls.
 */
static __always_inline bool is_followed(const struct thread *t, struct task_struct *task)
{
	__u32 slot = t->syscall;

	if (t->suspended_ret)
		slot = t->suspended;
	else if (!t->start_ns)
		slot = syscall_slot(task, number_in(user_registers(task)));
	return is_wanted_wait(task, user_registers(task), slot);
}

/*
 * Only since when it is known: its row wants that, where the call has no time of its own; but not in mode count,
 * where most threads with such calls go to rest, and take nothing along: see is_unasked().
 */
static __always_inline void pass_over(struct wait *w, __u64 call)
{
	if (is_counting()) {
		w->call = 0;
		return;
	}
	w->call = call;
	w->first_ns = call == UNTIMED ? bpf_ktime_get_ns() : 0;
	w->first = START_FIRST_BLOCK;
	w->off_ns = 0;
	w->unfollowed = true;
}

/*
 * The thread came back to the CPU unseen (see running.h): how long it waited. Its CPU time
 * tells it to a tick; and if its waking was noted, the time in which it was runnable since
 * tells it to the nanosecond, where that is no more, see settle().
 */
static __always_inline __u64 unseen_wait(const struct wait *w, struct task_struct *task, __u64 now)
{
	__u64 ran = LOAD(task, se.sum_exec_runtime) - w->ran_ns;
	__u64 waited = now - w->off_ns;
	__u64 slept = w->woken_ns ? w->woken_ns - w->off_ns : 0;
	__u64 known = slept + run_delay_of(task) - w->run_delay;

	waited -= ran < waited ? ran : waited;
	if (slept && known < waited)
		waited = known;
	return waited < slept ? slept : waited;
}

static __always_inline void end_unseen_wait(struct wait *w, struct task_struct *task, __u64 now)
{
	__u64 waited = unseen_wait(w, task, now);
	__u32 class = w->class;
	bool looked = w->looked;

	if (now < w->off_ns || class >= WAIT_CLASSES) {
		w->off_ns = 0;
		return;
	}
	if (w->woken_ns)
		w->woken_ns = w->off_ns + waited - w->woken_ns;
	w->off_ns = 0;
	w->total_ns[class] += waited;
	w->last_ns = waited;
	if (waited <= w->longest_ns)
		return;
	w->longest_ns = waited;
	if (looked)
		return;
	w->longest_class = class;
	w->longest_iowait = false;
	w->longest_waker = w->waker;
	w->longest_waking_stack = w->waking_stack;
	w->frames = 0;
}

static __always_inline void off_cpu(struct wait *w, struct task_struct *task, __u32 class, __u64 now)
{
	if (class == WAIT_RUNQUEUE)
		w->involuntary++;
	else
		w->voluntary++;
	w->class = is_frozen(task, class) ? WAIT_FROZEN : class;
	w->run_delay = run_delay_of(task);
	w->ran_ns = LOAD(task, se.sum_exec_runtime);
	w->off_jiffies = bpf_jiffies64();
	w->off_ns = now;
	w->woken_ns = 0;
	w->looked = false;
	w->waking_stack = -1;
	w->waker.pid = 0;
	w->waker.tid = 0;
	if (bpf_core_field_exists(task->blocker) && LOAD(task, blocker))
		name_blocker(w, LOAD(task, blocker));
}

/* Another program of ours has noted this leaving: see succession.h. */
static __always_inline bool is_noted(const struct thread *t, struct task_struct *task)
{
	return doubled & DOUBLED_SWITCHES && t->wait.off_ns && t->switches == switches_of(task);
}

/* The thread leaves the CPU. */
static __always_inline void leave(struct thread *t, struct task_struct *task, __u32 class, __u64 *clock)
{
	__u64 call = call_of(t, task, class);
	struct wait *w = &t->wait;
	__u64 now;

	if (!call || (w->call == call && w->unfollowed))
		return;
	if (w->call != call && !is_followed(t, task)) {
		pass_over(w, call);
		return;
	}
	now = *clock = bpf_ktime_get_ns();
	if (w->call != call) {
		begin_waits(w, task, call, now);
	} else {
		if (is_noted(t, task))
			return;
		if (w->off_ns)
			end_unseen_wait(w, task, now);
		settle(w, task);
	}
	off_cpu(w, task, class, now);
	t->switches = switches_of(task); /* mode watch may come during the wait: 1 ns of what takes 100 */
	note_sleeper(t, task);
}

/* The wait was the longest until now: who ended it, and where it was spent. */
static __noinline void look(struct wait *w, struct task_struct *task)
{
	long bytes = bpf_get_task_stack(task, w->stack, sizeof(w->stack), 0);

	w->frames = bytes > 0 ? bytes / 8 : 0;
	w->longest_class = w->class;
	w->longest_iowait = bpf_core_field_exists(task->in_iowait) && BPF_CORE_READ_BITFIELD(task, in_iowait);
	w->longest_waker = w->waker;
	w->longest_waking_stack = w->waking_stack;
}

/* The thread comes to the CPU. */
static __always_inline void come(struct wait *w, struct task_struct *task, __u64 *clock)
{
	__u64 now = *clock ?: bpf_ktime_get_ns();
	__u64 waited = now - w->off_ns;
	__u32 class = w->class;

	w->off_ns = 0;
	if (w->woken_ns)
		w->woken_ns = now - w->woken_ns;
	if ((__s64)waited < 0 || class >= WAIT_CLASSES)
		return;
	w->total_ns[class] += waited;
	w->last_ns = waited;
	if (waited <= w->longest_ns)
		return;
	w->longest_ns = waited;
	if (waited >= LOOK_NS && !w->looked)
		look(w, task);
}

/*
 * Somebody wakes the thread up. Who does so after less than a tick does not matter. The
 * look at a longer wait is taken here, where the thread is sure to be in it, and not when
 * it comes to the CPU, which the kernel may leave out.
 */
static __always_inline void wake(void *ctx, struct task_struct *task)
{
	struct sleepers *place = sleepers_like(task);
	struct thread *t;
	struct wait *w;
	__u64 waited;

	if (!place || likely(!place->threads) || place->last == since_this_tick(task))
		return;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!t || !t->wait.off_ns || t->wait.off_jiffies == (__u32)bpf_jiffies64())
		return;
	w = &t->wait;
	w->waking_stack = bpf_get_stackid(ctx, &waking_stacks, BPF_F_REUSE_STACKID);
	name_thread(&w->waker, bpf_get_current_task_btf());
	w->woken_ns = bpf_ktime_get_ns();
	waited = w->woken_ns - w->off_ns;
	if ((__s64)waited < LOOK_NS || waited <= w->longest_ns)
		return;
	w->longest_ns = waited;
	w->looked = true;
	look(w, task);
}

/*
 * Since when a call is known of which no time was taken, if it left the CPU or met
 * a tick; and the next call's waits are its own. A tick just before the beginning
 * says nothing. Of a suspended call it stays, while its handlers make calls of their own.
 */
static __always_inline void take_first_block(struct running *r, struct ended *ended)
{
	if (likely(!r->first_ns) || r->suspended || is_restart(ended->ret))
		return;
	if (ended->start_ns == UNTIMED) {
		ended->first_ns = r->first_ns;
		ended->first = r->first;
	}
	r->stale = true;
	r->first_ns = 0;
	r->first = START_ENTRY;
}

#endif
