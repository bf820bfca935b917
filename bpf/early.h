/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first calls of a young process are not added to rows but listed: one of which the time was taken by itself,
 * others by their syscall, with how many there were. Most processes of a build or a script make some hundreds of
 * calls and are gone: a row for each of their syscalls takes longer to make than all else that we do to them, and
 * would hold 1,024 bytes for a few calls until user space frees it. User space makes rows of the lists.
 *
 * A list belongs to the leader of its process, the only one who writes it, and is kept until the
 * process has ended. What the lists of a process do not take goes to rows: the calls after they are full, those of
 * other threads, and those of a process that was not young when we first saw it.
 */
#ifndef SYSCOUNT_EARLY_H
#define SYSCOUNT_EARLY_H

#define YOUNG_NS 1000000000ULL
#define EARLY_TRIES 4 /* places that are looked at for a free one */

/* Values of `early` of a thread beside the number of its list plus one. */
#define NOT_EARLY 0
#define EARLY_FAR (1U << 31) /* and its ordinal: the list is not in the array */
#define EARLY_WANTED (~0U) /* it gets a list with its first call */

#define EARLY_PROBES 8 /* places of a list that are looked at for an entry */
#define EARLY_MOST 4096 /* calls of an entry without times: who makes more gets rows, which are found faster */

/* What a leader's first calls go to. */
static __always_inline __u32 early_at_first(struct task_struct *task, struct task_struct *leader)
{
	if (!early_places || task != leader)
		return NOT_EARLY;
	return bpf_ktime_get_boot_ns() - LOAD(leader, start_boottime) < YOUNG_NS ? EARLY_WANTED : NOT_EARLY;
}

/* The thread and its record on the CPU agree: either may be asked next. */
static __noinline void set_early(struct cpu *cpu, __u32 early)
{
	struct thread *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	cpu->running.early = t ? early : NOT_EARLY;
	if (t)
		t->early = early;
}

static __always_inline struct early_list *far_list_of(const struct running *r, __u32 ordinal)
{
	struct list_key key = { .group = r->group, .pid = r->pid, .ordinal = ordinal };

	return bpf_map_lookup_elem(&far_lists, &key);
}

/* The place may have become another process's: programs with rows of their own have other places. */
static __always_inline struct early_list *list_of(struct cpu *cpu)
{
	struct running *r = &cpu->running;
	__u32 index = r->early - 1;
	struct early_list *list;

	if (unlikely(r->early & EARLY_FAR))
		return far_list_of(r, r->early & ~EARLY_FAR);
	list = bpf_map_lookup_elem(&early_lists, &index);
	return list && list->pid == r->pid && list->group == r->group ? list : NULL;
}

/*
 * Takes a free place of this CPU's part, which no other CPU takes. User space has emptied it. Those that a process
 * has after its first are in a half of their own: else a few processes would leave the others without any. NULL:
 * there is none.
 */
static __always_inline struct early_list *take_list(struct cpu *cpu, __u32 ordinal)
{
	__u32 first = (2 * bpf_get_smp_processor_id() + !!ordinal) * early_places;
	struct early_list *list;
	__u32 index;

	for (int i = 0; i < EARLY_TRIES; i++) {
		index = first + (cpu->next_early++ & (early_places - 1));
		list = bpf_map_lookup_elem(&early_lists, &index); /* NULL for a CPU that came later */
		if (!list || list->pid)
			continue;
		list->used = 0;
		set_early(cpu, index + 1);
		return list;
	}
	return NULL;
}

/* A hash takes longer, but not as long as a row for each syscall. It may have the list: of a leader before, or under
 * another filter. NULL: there is no room. */
static __always_inline struct early_list *take_far_list(struct cpu *cpu, __u32 ordinal)
{
	struct list_key key = { .group = cpu->running.group, .pid = cpu->running.pid, .ordinal = ordinal };
	struct early_list *empty = bpf_map_lookup_elem(&empty_list, ONLY);
	struct early_list *list;

	if (!empty)
		return NULL;
	bpf_map_update_elem(&far_lists, &key, empty, BPF_NOEXIST);
	list = bpf_map_lookup_elem(&far_lists, &key);
	if (list)
		set_early(cpu, EARLY_FAR | ordinal);
	return list;
}

static __noinline struct early_list *begin_list(struct cpu *cpu, __u32 ordinal)
{
	struct row_key key = { .group = cpu->running.group, .pid = cpu->running.pid };
	struct early_list *list;

	if (ordinal >= EARLY_LISTS || (!ordinal && !keep_process_name(&key)))
		return NULL;
	list = take_list(cpu, ordinal);
	list = list ?: take_far_list(cpu, ordinal);
	if (!list)
		return NULL;
	list->ordinal = ordinal;
	list->group = key.group;
	barrier();
	list->pid = key.pid;
	return list;
}

/* What an entry says of its calls. Its layout: enum early. */
static __always_inline __u32 early_what(__u32 slot, bool failed)
{
	return EARLY_CALL | slot | (failed ? EARLY_ERROR : 0);
}

/* Entries are written whole, or not at all. False: the list is full. */
static __always_inline bool list_timed(struct early_list *list, __u32 what, __u32 ns)
{
	__u32 at = list->used;

	what |= EARLY_TIMED | interval << EARLY_INTERVAL_SHIFT;
	for (int i = 0; i < EARLY_PROBES; i++, at++) { /* between them may be others */
		barrier_var(at); /* else the compiler counts a pointer up, which the verifier does not follow */
		if (at >= EARLY_CALLS)
			return false;
		if (list->calls[at])
			continue;
		list->interval = interval;
		*(volatile __u64 *)&list->calls[at] = (__u64)what << 32 | ns;
		list->used = at + 1;
		return true;
	}
	return false;
}

/* The first of the places of such an entry. */
static __always_inline __u32 early_home(__u32 what)
{
	return (what * 0x9e3779b1U >> 26) * (EARLY_CALLS - EARLY_PROBES) >> 6; /* Fibonacci hashing */
}

/* False: there is no place for its syscall, or there were too many of it. */
static __always_inline bool list_untimed(struct early_list *list, __u32 what)
{
	volatile __u64 *entry = &list->calls[early_home(what)];

	for (int i = 0; i < EARLY_PROBES; i++, entry++) {
		__u64 known = *entry;

		if (!known)
			known = (__u64)what << 32;
		if (known >> 32 != what)
			continue;
		if ((__u32)known >= EARLY_MOST)
			return false;
		*entry = known + 1;
		return true;
	}
	return false;
}

static __always_inline bool list_it(struct early_list *list, __u32 what, bool timed, __u32 ns)
{
	return timed ? list_timed(list, what, ns) : list_untimed(list, what);
}

/* Into the process's list, or into another one. False: there is none. */
static __noinline bool list_somewhere(struct cpu *cpu, __u32 what, bool timed, __u32 ns)
{
	struct early_list *list;

	list = cpu->running.early == EARLY_WANTED ? begin_list(cpu, 0) : list_of(cpu);
	if (!list)
		return false;
	if (list_it(list, what, timed, ns))
		return true;
	list = timed ? begin_list(cpu, list->ordinal + 1) : NULL;
	return list && list_timed(list, what, ns);
}

/* Lists the call that ends. False: it has to be added to a row. Global: see ADDRESS. */
__noinline int list_call(struct cpu *cpu, bool timed)
{
	struct row_key key = {};
	struct ended *ended;
	__u64 ns = 0;
	__u32 what;

	if (!cpu)
		return false;
	ended = &cpu->ended;
	what = early_what(table_index(cpu->running.syscall), is_error(ended->ret));
	if (timed)
		ns = ended->end_ns - ended->start_ns;
	if (ns >> 32) /* too long for an entry */
		return false;
	if (!list_somewhere(cpu, what, timed, ns)) {
		set_early(cpu, NOT_EARLY);
		return false;
	}
	if (has_trait(cpu->running.syscall, TRAIT_NEW_REGISTERS) &&
	    !cpu->ended.ret) { /* as which program it goes on */
		key.group = cpu->running.group;
		key.pid = cpu->running.pid;
		keep_process_name(&key);
	}
	return true;
}

#endif
