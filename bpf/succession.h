/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Succession: other programs take the place of those that are attached, over the
 * same records. The new ones are attached first; so for some ms both see each
 * event, one after the other, and none is seen by neither. What they know of a
 * thread is one record, which the first to come acts upon, and which tells the
 * second that nothing is left to do: a call that has begun is open, one that has
 * ended is not. No clock and no moment divides the calls between the two.
 *
 * Mode account is in force meanwhile (tracer's Replace sees to it): the end of a call
 * without a stamp leaves nothing in the record that would tell. `doubled` is looked
 * at where the record alone does not say it, off the way of a call: it costs a call
 * nothing, and a context switch one comparison.
 */
#ifndef SYSCOUNT_SUCCESSION_H
#define SYSCOUNT_SUCCESSION_H

/*
 * A call is open where one begins. True: it is this one, and the other program has
 * seen it begin. Else the end of the one before was missed; or nobody follows it any
 * more, since the filter leaves it out.
 */
static __noinline bool is_begun(struct cpu *cpu)
{
	struct running *r = &cpu->running;

	if (doubled & (by_function ? DOUBLED_FUNCTIONS : DOUBLED_TRACEPOINTS))
		return true;
	if (!is_open(r->start_ns))
		return false;
	if (has_trait(r->syscall, TRAIT_OBSERVED)) {
		cpu->counters.overwritten++;
	} else {
		cpu->counters.exit++;
		cpu->counters.refiltered++;
	}
	return false;
}

/* The other program has seen this switch, and has brought in the record of the thread that comes. */
static __always_inline bool is_switched(struct cpu *cpu, struct task_struct *next)
{
	return doubled & DOUBLED_SWITCHES && cpu->running.task == (__u64)next;
}

/*
 * The other program has seen this delivery: it has left its mark, and the stack is where
 * it was. Each handler gets its frame on it. The next delivery may be at the same place:
 * so the mark goes when both have seen it, and no program takes its own for the other's.
 */
static __noinline bool is_delivered(struct pt_regs *regs)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
	__u32 place = regs->sp & ~1ULL;

	if (!t)
		return false;
	if (t->delivered_mark == (place | !edition)) {
		t->delivered_mark = 0;
		return true;
	}
	t->delivered_mark = place | edition;
	return false;
}

/* The verdict is of programs that have other groups. The call stays as it is. */
static __noinline bool regroup(struct cpu *cpu)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	struct running *r = &cpu->running;

	if (!t)
		return false;
	decide(t);
	r->group = t->group;
	r->pid = t->pid;
	r->near = near_of(t->group, t->pid);
	r->subject = t->subject;
	r->early = t->early;
	r->generation = t->generation;
	r->observed = t->observed;
	note_plainness(r);
	return r->observed;
}

#endif
