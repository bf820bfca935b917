/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a call, by what was known of its beginning: one program for modes account and count. */
#ifndef SYSCOUNT_END_H
#define SYSCOUNT_END_H

/* The end of a call that was seen to begin. True: it has ended, and is counted. */
static __always_inline bool end_stamped(struct cpu *cpu, struct ended *ended)
{
	ended->start_ns = cpu->running.start_ns;
	cpu->running.start_ns = 0;
	take_first_block(&cpu->running, ended);
	if (unlikely(ended->start_ns == LEFT_OUT)) {
		cpu->cost.left_out++;
		return false;
	}
	ended->end_ns = ended->start_ns == UNTIMED ? UNTIMED : bpf_ktime_get_ns();
	if (unlikely(!cpu->running.observed)) {
		cpu->counters.exit++;
		cpu->counters.refiltered++;
		return false;
	}
	if (unlikely(has_trait(cpu->running.syscall, TRAIT_SIGRETURN))) {
		ended->ret = 0; /* what the interrupted code has in its register */
		note_sigreturn();
	}
	if (unlikely(is_restart(ended->ret))) {
		cpu->counters.exit++;
		suspend(cpu, ended);
		return false;
	}
	cpu->counters.matched++;
	return true;
}

/* Nothing is known of the call: it began before we looked, so that its number is what the registers say now. */
static __noinline void end_unknown(struct cpu *cpu, struct pt_regs *regs)
{
	if (in_force.mode == MODE_WATCH) /* which has its own ways, and is about to have no program here */
		return;
	if (!has_trait(syscall_slot(bpf_get_current_task_btf(), number_in(regs)), TRAIT_OBSERVED)) {
		cpu->cost.left_out++;
		return;
	}
	if (doubled & DOUBLED_ENDS) /* the other program was first, and has told */
		return;
	cpu->counters.exit++;
	cpu->counters.exit_without_enter++;
}

/* Goes on with a suspended call, which mode account may have stamped. */
static __noinline void end_resumed(struct cpu *cpu, __u32 *slot, struct ended *ended)
{
	__u64 start_ns = resume(cpu, slot);

	if (start_ns <= LEFT_OUT)
		return;
	ended->start_ns = start_ns;
	ended->end_ns = bpf_ktime_get_ns();
}

/* A call that is not counted like most. False: not at all. */
static __always_inline bool is_counted_so(struct cpu *cpu, __u8 its_traits, struct ended *ended)
{
	if (!(its_traits & TRAIT_OBSERVED)) {
		if (cpu->running.group == GROUP_CALIBRATION)
			return true;
		cpu->cost.left_out++;
		return false;
	}
	if (its_traits & TRAIT_FORK && ended->ret == 0) {
		cpu->counters.exit++; /* the child's end; the parent's gives a PID */
		cpu->counters.exit_without_enter++;
		return false;
	}
	if (its_traits & TRAIT_SIGRETURN)
		ended->ret = 0;
	return true;
}

/*
 * The end of a call whose beginning nobody looked at: mode count, where it has no
 * clock, or a call that is known since a block in an earlier mode. True: as above.
 */
static __always_inline bool end_unstamped(struct cpu *cpu, struct pt_regs *regs, struct ended *ended)
{
	struct running *r = &cpu->running;
	__u8 its_traits;
	__u32 slot;

	if (unlikely(!is_counting()) && !r->first_ns && !(r->suspended && switched)) {
		end_unknown(cpu, regs);
		return false;
	}
	ended->start_ns = ended->end_ns = UNTIMED;
	slot = slot_at_exit(running_task(cpu), regs);
	if (unlikely(r->suspended))
		end_resumed(cpu, &slot, ended);
	take_first_block(r, ended);
	its_traits = traits[table_index(slot)];
	if (unlikely((its_traits & (TRAIT_OBSERVED | TRAIT_FORK | TRAIT_SIGRETURN)) != TRAIT_OBSERVED) &&
	    !is_counted_so(cpu, its_traits, ended))
		return false;
	r->syscall = slot;
	if (unlikely(is_restart(ended->ret))) {
		cpu->counters.exit++;
		cpu->counters.unstamped++;
		suspend(cpu, ended);
		return false;
	}
	cpu->counters.counted++;
	return true;
}

/* Whatever is known of its thread. Most go a shorter way: see plain.h. */
static __noinline void end_any(struct cpu *cpu, struct pt_regs *regs, long ret)
{
	struct ended *ended = &cpu->ended;
	bool has_ended;

	ended->ret = ret;
	ended->first_ns = 0;
	if (!is_observed(cpu, regs) && !cpu->running.start_ns) {
		cpu->cost.left_out++;
		return;
	}
	if (cpu->running.start_ns)
		has_ended = end_stamped(cpu, ended);
	else
		has_ended = end_unstamped(cpu, regs, ended);
	if (likely(has_ended))
		finish(cpu, ended);
	note_plainness(&cpu->running);
}

#endif
