/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first calls of a young process are not added to rows but listed, each by itself. Most processes of a
 * build or a script make some dozens of calls and are gone: a row for each of their syscalls
 * takes longer to make than all else that we do to them, and would hold 640 bytes for a call or two
 * until user space frees it. User space makes rows of the lists.
 *
 * A list belongs to the leader of its process, the only one who writes it, and is kept until the
 * process has ended. What it does not take goes to rows: the calls after it is full, those of
 * other threads, and those of a process that was not young when we first saw it.
 */
#ifndef SYSCOUNT_EARLY_H
#define SYSCOUNT_EARLY_H

#define YOUNG_NS 1000000000ULL
#define EARLY_TRIES 4 /* places that are looked at for a free one */

/* Values of `early` of a thread beside the number of its list plus one. */
#define NOT_EARLY 0
#define EARLY_WANTED (~0U) /* it gets a list with its first call */

#define UNLISTED 0 /* no entry */

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

/* The place may have become another process's: programs with rows of their own have other places. */
static __always_inline struct early_list *list_of(struct cpu *cpu)
{
	struct running *r = &cpu->running;
	__u32 index = r->early - 1;
	struct early_list *list = bpf_map_lookup_elem(&early_lists, &index);

	return list && list->pid == r->pid && list->group == r->group ? list : NULL;
}

/* Takes a free place of this CPU's part, which no other CPU takes. User space has emptied it. NULL: there is none. */
static __noinline struct early_list *begin_list(struct cpu *cpu)
{
	struct row_key key = { .group = cpu->running.group, .pid = cpu->running.pid };
	__u32 first = bpf_get_smp_processor_id() * early_places;
	struct early_list *list;
	__u32 index;

	for (int i = 0; i < EARLY_TRIES; i++) {
		index = first + (cpu->next_early++ & (early_places - 1));
		list = bpf_map_lookup_elem(&early_lists, &index); /* NULL for a CPU that came later */
		if (!list || list->pid)
			continue;
		if (!keep_process_name(&key))
			return NULL;
		list->used = 0;
		list->group = key.group;
		barrier();
		list->pid = key.pid;
		set_early(cpu, index + 1);
		return list;
	}
	return NULL;
}

/* The entry of a call that has ended; UNLISTED: it took too long for one. Its layout: enum early. */
static __always_inline __u64 early_entry(__u32 slot, bool failed, bool timed, __u64 ns)
{
	__u64 what = EARLY_CALL | slot | (__u64)interval << EARLY_INTERVAL_SHIFT;

	if (failed)
		what |= EARLY_ERROR;
	if (timed)
		what |= EARLY_TIMED;
	return ns >> 32 ? UNLISTED : what << 32 | ns;
}

/* False: the list is full. */
static __always_inline bool append(struct early_list *list, __u64 entry)
{
	__u32 used = list->used;

	if (used >= EARLY_CALLS)
		return false;
	list->interval = interval;
	*(volatile __u64 *)&list->calls[used] = entry; /* whole, or not at all */
	list->used = used + 1;
	return true;
}

/* Lists the call that ends. False: it has to be added to a row. Global: see ADDRESS. */
__noinline int list_call(struct cpu *cpu, bool timed)
{
	struct early_list *list;
	struct row_key key = {};
	struct ended *ended;
	__u64 entry;

	if (!cpu)
		return false;
	ended = &cpu->ended;
	entry = early_entry(table_index(cpu->running.syscall), is_error(ended->ret), timed,
			    timed ? ended->end_ns - ended->start_ns : 0);
	if (entry == UNLISTED)
		return false;
	list = cpu->running.early == EARLY_WANTED ? begin_list(cpu) : list_of(cpu);
	if (!list) {
		set_early(cpu, NOT_EARLY);
		return false;
	}
	if (!append(list, entry))
		return false;
	if (list->used == EARLY_CALLS)
		set_early(cpu, NOT_EARLY);
	if (has_trait(cpu->running.syscall, TRAIT_NEW_REGISTERS) &&
	    !cpu->ended.ret) { /* as which program it goes on */
		key.group = cpu->running.group;
		key.pid = cpu->running.pid;
		keep_process_name(&key);
	}
	return true;
}

#endif
