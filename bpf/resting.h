/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread that leaves the CPU while its storage has nothing to learn comes back to the same CPU as
 * a rule, and its record is what it was. So the CPU keeps the records of the last few such
 * threads: its next call finds its record as if it had not been away, where the way through its storage
 * costs a call several calls into the kernel.
 *
 * What is kept is a copy of what the storage says. It is right as long as the thread has not run
 * elsewhere, which the kernel's count of its switches tells; a thread that has got the memory of a dead
 * one has another time of birth. A new filter or attachment voids it.
 */
#ifndef SYSCOUNT_RESTING_H
#define SYSCOUNT_RESTING_H

/* How often the thread has left the CPU, with this time: the scheduler counts before it tells. */
static __always_inline __u32 switches_of(struct task_struct *task)
{
	return PLAIN(task, nvcsw) + PLAIN(task, nivcsw);
}

static __always_inline struct resting *place_of(struct cpu *cpu, struct task_struct *task)
{
	return &cpu->resting[PLAIN(task, pid) & (RESTING - 1)];
}

/* The running thread, whose record this is, leaves the CPU. */
static __always_inline void put_to_rest(struct cpu *cpu, struct task_struct *task)
{
	struct resting *place = place_of(cpu, task);
	struct running *r = &cpu->running;

	place->task = 0;
	barrier();
	place->born_ns = PLAIN(task, start_boottime);
	place->regs = r->regs;
	place->group = r->group;
	place->subject = r->subject;
	place->pid = r->pid;
	place->early = r->early;
	place->generation = r->generation;
	place->attachment = attachment;
	place->switches = switches_of(task);
	place->observed = r->observed;
	place->suspended = r->suspended;
	barrier();
	place->task = (__u64)task;
}

/* The thread comes to the CPU. False: its record has to be taken from its storage, by whoever needs it. */
static __always_inline bool return_from_rest(struct cpu *cpu, struct task_struct *task)
{
	struct resting *place = place_of(cpu, task);
	struct running *r = &cpu->running;

	if (place->task != (__u64)task)
		return false;
	place->task = 0;
	if (r->task || place->generation != in_force.generation || place->attachment != attachment ||
	    place->switches != switches_of(task) || place->born_ns != PLAIN(task, start_boottime) ||
	    calibrator == (__u64)task || !is_ours(place->observed))
		return false;
	r->task = (__u64)task;
	r->group = place->group;
	r->subject = place->subject;
	r->pid = place->pid;
	r->near = near_of(place->group, place->pid);
	r->early = place->early;
	r->observed = place->observed;
	r->suspended = place->suspended;
	r->regs = place->regs;
	note_plainness(r);
	r->generation = place->generation;
	return true;
}

#endif
