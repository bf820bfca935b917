/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Plain calls, which are nearly all: the record of their thread is on the CPU, lists no first calls, has nothing
 * suspended and met no tick; and they are told from others by their number alone. They go a short way from their
 * beginning to their row, which asks for all of that with one comparison beside those that the verdict takes. What is
 * not plain, or turns out not to be, goes the long way, as if nobody had asked; so do slow calls. The calls of a
 * thread that is not observed are as short.
 */
#ifndef SYSCOUNT_PLAIN_H
#define SYSCOUNT_PLAIN_H

/* That number's calls, which are the native ABI's, begin and end like most. So do all of the agent's calibration. */
static __always_inline bool is_plain_number(const struct running *r, __u32 nr)
{
	__u8 its_traits;

	if (unlikely(nr >= NATIVE_SLOTS - 1)) /* and -1, and x32's */
		return false;
	its_traits = traits[table_index(nr)] & (TRAIT_OBSERVED | TRAIT_FORK | TRAIT_SIGRETURN);
	return likely(its_traits == TRAIT_OBSERVED) || r->group == GROUP_CALIBRATION;
}

/*
 * One comparison says that the record's verdict is of the filter in force, and that the thread's calls are plain in
 * the mode in force: it is their way then. What else is known of a record of this filter is IGNORED, or plain as well
 * as long as the thread is in its cgroup.
 */
static __always_inline __u64 word_of(const volatile __u32 *generation)
{
	return *(const volatile __u64 *)generation;
}

static __always_inline bool is_same_subject(struct cpu *cpu)
{
	return cpu->running.subject ==
	       (filter_owners ? subject_of(ADDRESS(running_task(cpu))) : cgroup_of(running_task(cpu)));
}

/* False: it has to go the long way. */
static __always_inline bool begin_plain(struct cpu *cpu, struct pt_regs *regs)
{
	struct running *r = &cpu->running;
	__u64 known, now, more;
	__u32 nr;

	if (unlikely(r->regs != (__u64)regs))
		return false;
	known = word_of(&r->generation);
	now = word_of(&in_force.generation);
	if (unlikely(known != now)) {
		if ((__u32)known != (__u32)now)
			return false;
		if (known >> 32 == IGNORED)
			return true;
		if (known >> 32 == (IGNORED | BY_SUBJECT))
			return is_same_subject(cpu);
		more = (known ^ now) >> 32;
		if (more & ~(BY_SUBJECT | LISTED) || (more & BY_SUBJECT && !is_same_subject(cpu)))
			return false;
	}
	if (unlikely(now >> 32 != MODE_ACCOUNT || r->start_ns))
		return false;
	nr = number_in(regs);
	if (unlikely(!is_plain_number(r, nr) || is_compat(running_task(cpu))))
		return false;
	cpu->counters.enter++;
	r->syscall = nr;
	r->start_ns = start_time(r);
	return true;
}

static __always_inline void begin(struct pt_regs *regs)
{
	struct cpu *cpu = this_cpu();

	if (cpu && unlikely(!begin_plain(cpu, regs)))
		begin_any(cpu, regs);
}

/* The end of one that was not timed, or not seen to begin. */
static __always_inline bool end_untimed(struct cpu *cpu, __u32 nr, bool failed, __u64 *counter)
{
	if (unlikely(!is_plain_number(&cpu->running, nr)))
		return false;
	(*counter)++;
	add_call(cpu, nr, failed, NO_TIME);
	return true;
}

static __always_inline bool end_timed(struct cpu *cpu, __u32 nr, bool failed)
{
	struct running *r = &cpu->running;
	__u64 ns = bpf_ktime_get_ns() - r->start_ns;

	/* Also where the clock went backwards. */
	if (unlikely(!is_plain_number(r, nr) || ns >= threshold_of(nr) || ns >> 63))
		return false;
	r->start_ns = 0;
	cpu->counters.matched++;
	add_call(cpu, nr, failed, ns);
	return true;
}

/* Mode count: the number is what the registers say now. */
static __always_inline bool end_unseen(struct cpu *cpu, struct pt_regs *regs, bool failed)
{
	struct task_struct *task = running_task(cpu);
	__u32 nr = number_in(regs);

	if (unlikely(is_compat(task) || exec_across(task, nr)))
		return false;
	return end_untimed(cpu, nr, failed, &cpu->counters.counted);
}

static __always_inline bool end_seen(struct cpu *cpu, bool failed)
{
	struct running *r = &cpu->running;

	if (likely(r->start_ns > LEFT_OUT))
		return end_timed(cpu, r->syscall, failed);
	if (unlikely(r->start_ns != UNTIMED || !end_untimed(cpu, r->syscall, failed, &cpu->counters.matched)))
		return false;
	r->start_ns = 0;
	return true;
}

/* As is_plain_number(), of a first call: execve goes on as another program, whose name is noted. */
static __always_inline bool is_listed_number(__u32 nr, bool failed)
{
	__u8 its_traits;

	if (nr >= NATIVE_SLOTS - 1)
		return false;
	its_traits = traits[table_index(nr)];
	if (failed)
		its_traits &= ~TRAIT_NEW_REGISTERS;
	return (its_traits & (TRAIT_OBSERVED | TRAIT_FORK | TRAIT_SIGRETURN | TRAIT_NEW_REGISTERS)) == TRAIT_OBSERVED;
}

/*
 * The end of a first call of a young process. Its code is small, and another one for each mode, since such a process
 * finds nothing of us in the CPU's caches: it is more of its time than what the code does. False: as above.
 */
static __noinline bool list_unseen(struct cpu *cpu, struct pt_regs *regs, bool failed)
{
	struct task_struct *task = running_task(cpu);
	__u32 nr = number_in(regs);
	struct early_list *list;

	if (is_compat(task) || exec_across(task, nr) || !is_listed_number(nr, failed))
		return false;
	list = list_of(cpu);
	if (!list || !list_untimed(list, early_what(nr, failed)))
		return false;
	cpu->counters.counted++;
	return true;
}

static __noinline bool list_seen(struct cpu *cpu, bool failed)
{
	struct running *r = &cpu->running;
	bool timed = r->start_ns > LEFT_OUT;
	__u32 nr = r->syscall;
	struct early_list *list;
	__u64 ns = 0;

	if (r->start_ns == LEFT_OUT || !r->start_ns || !is_listed_number(nr, failed))
		return false;
	if (timed)
		ns = bpf_ktime_get_ns() - r->start_ns;
	if (timed && (ns >= threshold_of(nr) || ns >> 32))
		return false;
	list = list_of(cpu);
	if (!list || !list_it(list, early_what(nr, failed), timed, ns))
		return false;
	cpu->counters.matched++;
	r->start_ns = 0;
	return true;
}

static __always_inline bool end_listed(struct cpu *cpu, struct pt_regs *regs, long ret)
{
	if (!early_places || ret <= -ERESTARTSYS)
		return false;
	return is_counting() ? list_unseen(cpu, regs, ret < 0) : list_seen(cpu, ret < 0);
}

/* False: as above. */
static __always_inline bool end_plain(struct cpu *cpu, struct pt_regs *regs, long ret)
{
	struct running *r = &cpu->running;
	__u64 known, now, more;

	if (unlikely(r->regs != (__u64)regs))
		return false;
	known = word_of(&r->generation);
	now = word_of(&in_force.generation);
	if (unlikely(known != now)) {
		if ((__u32)known != (__u32)now)
			return false;
		more = (known ^ now) >> 32;
		if (known >> 32 == IGNORED || (known >> 32 == (IGNORED | BY_SUBJECT) && is_same_subject(cpu))) {
			cpu->cost.left_out++;
			return true;
		}
		if (more & ~(BY_SUBJECT | LISTED) || (more & BY_SUBJECT && !is_same_subject(cpu)))
			return false;
		if (more & LISTED)
			return end_listed(cpu, regs, ret);
	}
	if (unlikely(ret <= -ERESTARTSYS)) /* a restart, or rare; else all that are below 0 are errors */
		return false;
	if (now >> 32 == MODE_COUNT)
		return end_unseen(cpu, regs, ret < 0);
	return likely(now >> 32 == MODE_ACCOUNT) && end_seen(cpu, ret < 0);
}

static __always_inline void end(struct pt_regs *regs, long ret)
{
	struct cpu *cpu = this_cpu();

	if (cpu && unlikely(!end_plain(cpu, regs, ret)))
		end_any(cpu, regs, ret);
}

#endif
