/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The beginning of a call, whatever is known of its thread. Most go a shorter way: see plain.h. */
#ifndef SYSCOUNT_BEGIN_H
#define SYSCOUNT_BEGIN_H

/*
 * When the clock is read in one of N calls only, the gaps between these are
 * random with mean N: a fixed gap would fall into step with a program's loop.
 */
static __always_inline __u64 start_time(struct running *r)
{
	if (sample <= 1)
		return bpf_ktime_get_ns();
	if (r->skip > 1) {
		r->skip--;
		return UNTIMED;
	}
	r->random = r->random * 1664525 + 1013904223; /* Numerical Recipes' generator: its high bits will do */
	r->skip = 1 + (r->random >> 8) % (2 * sample - 1);
	return bpf_ktime_get_ns();
}

static __noinline void begin_any(struct cpu *cpu, struct pt_regs *regs)
{
	struct running *r = &cpu->running;
	__u64 start_ns;
	__u32 slot;

	if (!is_observed(cpu, regs))
		return;
	slot = syscall_slot(running_task(cpu), number_in(regs));
	if (unlikely(r->start_ns) && is_begun(cpu))
		return;
	if (unlikely(r->first_ns) &&
	    !r->suspended) { /* a tick between the beginning and us, which it may have told the storage */
		r->first_ns = 0;
		r->stale = true;
	}
	start_ns = unlikely(r->suspended) ? resume(cpu, &slot) : 0;
	if (unlikely(!has_trait(slot, TRAIT_OBSERVED)) && r->group != GROUP_CALIBRATION) {
		if (has_trait(slot, TRAIT_SIGRETURN))
			note_sigreturn();
		r->start_ns = LEFT_OUT;
		note_plainness(r);
		return;
	}
	cpu->counters.enter++;
	r->syscall = slot;
	r->start_ns = start_ns ?: start_time(r);
	note_plainness(r);
}

#endif
