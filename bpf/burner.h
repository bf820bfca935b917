/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that burn CPU where no tick tells of them: with nohz_full, or without
 * high-resolution timers. The sweep looks at the thread from another CPU, to whose
 * records it cannot write. So it keeps what it has seen: if the next sweep finds the
 * same, the thread has been in this call since.
 *
 * It is the same call if the thread has not left the CPU, and on that CPU none has
 * ended: each end that our programs see is counted there. And it has been in it since,
 * not in user mode with what the last call left in its registers, if its time there has
 * not grown. That is known to a tick, or where there is none to the nanosecond.
 */
#ifndef SYSCOUNT_BURNER_H
#define SYSCOUNT_BURNER_H

static __always_inline bool is_in_user_mode(struct task_struct *task)
{
	return bpf_core_field_exists(task->vtime.state) && BPF_CORE_READ(task, vtime.state) >= VTIME_USER;
}

/* Beginnings and ends of calls that our programs have seen on the CPU. */
static __always_inline __u64 calls_on(const volatile struct cpu *cpu)
{
	return cpu->counters.enter + cpu->counters.exit + cpu->counters.counted + cpu->cost.left_out;
}

static __always_inline bool is_same_burner(const struct burner *a, const struct burner *b)
{
	return a->task == b->task && a->calls == b->calls && a->utime == b->utime && a->switches == b->switches &&
	       a->syscall == b->syscall;
}

/*
 * Since when the thread, which runs on this CPU, is known to be in its call; 0: it is not.
 * The first sweep that finds it there takes its own time, so that the next ones will know.
 */
static __noinline __u64 burns_since(struct cpu *cpu, struct task_struct *task, __u32 slot)
{
	struct burner now = { .task = (__u64)task, .switches = switches_of(task), .syscall = slot };
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	now.calls = calls_on(cpu);
	now.utime = LOAD(task, utime);
	now.since_ns = bpf_ktime_get_ns(); /* what was read before is read again after it */
	if (!is_on_cpu(task) || is_in_user_mode(task) || !is_in_call(regs) || calls_on(cpu) != now.calls ||
	    switches_of(task) != now.switches)
		return 0;
	if (!is_same_burner(&cpu->burner, &now))
		cpu->burner = now;
	return cpu->burner.since_ns;
}

#endif
