/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sleepers: threads that wait in a call of which somebody wants to know. Whoever is woken, or
 * comes to the CPU, asks here first, and need not look at its storage, a call into the kernel of some
 * 20 ns, if it waits in no such call. A waker need not either within the tick in which it left the CPU.
 *
 * Threads whose numbers end alike share a place, which counts them: so it says that nobody
 * sleeps again when they have gone, however many have come since we were attached. A thread stays in it from one
 * wait to the next, and leaves when a look finds that it waits in no such call, or when it ends.
 */
#ifndef SYSCOUNT_SLEEPER_H
#define SYSCOUNT_SLEEPER_H

static __always_inline struct sleepers *sleepers_like(struct task_struct *task)
{
	__u32 index = PLAIN(task, pid) & (SLEEPERS - 1);

	return bpf_map_lookup_elem(&sleepers, &index);
}

/* The thread, and this tick. */
static __always_inline __u64 since_this_tick(struct task_struct *task)
{
	return (__u64)PLAIN(task, pid) << 32 | (__u32)bpf_jiffies64();
}

/* The thread leaves the CPU in such a call. Others of its place may do so on other CPUs. */
static __always_inline void note_sleeper(struct thread *t, struct task_struct *task)
{
	struct sleepers *place = sleepers_like(task);

	if (!place)
		return;
	if (!t->sleeper) {
		t->sleeper = true;
		__sync_fetch_and_add(&place->threads, 1);
	}
	place->last = since_this_tick(task);
}

/* The thread waits in no such call. It comes to the CPU, or ends. */
static __always_inline void forget_sleeper(struct thread *t, struct sleepers *place)
{
	if (!place || !t->sleeper)
		return;
	t->sleeper = false;
	__sync_fetch_and_add(&place->threads, -1);
}

#endif
