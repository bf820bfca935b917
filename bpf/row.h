/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows: finding the one that a call belongs to, and adding the call to it. */
#ifndef SYSCOUNT_ROW_H
#define SYSCOUNT_ROW_H

static __noinline struct row *new_row(void *map, struct row_key *key)
{
	struct row *empty = bpf_map_lookup_elem(&empty_row, ONLY);

	if (!empty)
		return NULL;
	bpf_map_update_elem(map, key, empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

/* The row of all calls that have no group of their own. */
static __noinline struct row *rest_row(struct row_key *key)
{
	struct row *row;

	key->group = 0;
	key->pid = 0;
	row = bpf_map_lookup_elem(&rest, key);
	return row ?: new_row(&rest, key);
}

/*
 * A row is near if its place is one of the few that follow from its key. Only
 * the CPU itself takes places in its part, so that no atomic instruction is
 * needed.
 */
#define NEAR_PLACES 4

/* Two words say whose row it is. */
static __always_inline __u64 owner_of(__u32 slot, __u32 pid)
{
	return (__u64)(slot + 1) << 32 | pid;
}

/* The calls of a group are in different sets of places, as far as there are so many: the factor is odd. */
#define NEAR_STRIDE (5 * NEAR_PLACES)

/* The first of the places of a group's calls of a syscall; near is near_of() the group. */
static __always_inline __u32 near_first(__u32 near, __u32 slot)
{
	return near ^ (slot * NEAR_STRIDE & near_sets);
}

static __always_inline struct near_row *near_place(__u32 first, __u32 i)
{
	__u32 index = first ^ i;

	return bpf_map_lookup_elem(&near_rows, &index); /* NULL for a CPU that came later */
}

/* User space has emptied a free place already; the kernel's own writes are what this CPU is sure to see. */
static __noinline struct row *take_place(struct row_key *key)
{
	__u64 owner = owner_of(key->syscall, key->pid);
	__u32 first = near_first(near_of(key->group, key->pid), key->syscall);
	struct near_row *near;

	for (int i = 0; i < NEAR_PLACES; i++) {
		near = near_place(first, i);
		if (!near || near->owner)
			continue;
		__builtin_memset(&near->row, 0, sizeof(near->row));
		near->group = key->group;
		near->owner = owner;
		return &near->row;
	}
	return NULL;
}

/* A group's first call of a syscall on this CPU. */
static __noinline struct row *first_row(struct row_key *key)
{
	struct row *row;

	if (!keep_process_name(key))
		return NULL;
	row = take_place(key);
	return row ?: new_row(&rows, key);
}

static __always_inline bool is_row_of(const struct near_row *near, __u64 owner, __u64 group)
{
	return near && near->owner == owner && near->group == group;
}

/* Not in its first place: in another one, or not near: further away, or new, or without a place anywhere. */
static __noinline struct row *other_row(struct cpu *cpu, __u32 slot, __u64 group, __u32 first)
{
	struct row_key key = {
		.group = group,
		.pid = cpu->running.pid,
		.syscall = slot,
		.cpu = bpf_get_smp_processor_id(),
	};
	struct near_row *near;
	struct row *row;

	for (int i = 1; i < NEAR_PLACES; i++) {
		near = near_place(first, i);
		if (is_row_of(near, owner_of(slot, key.pid), group))
			return &near->row;
	}
	if (row_group == GROUP_BY_NONE) {
		row = bpf_map_lookup_elem(&rest, &key);
		row = row ?: take_place(&key);
		return row ?: rest_row(&key);
	}
	row = bpf_map_lookup_elem(&rows, &key);
	row = row ?: first_row(&key);
	if (row)
		return row;
	cpu->counters.rows_overflowed++;
	return rest_row(&key);
}

static __always_inline struct row *row_of(struct cpu *cpu, __u32 slot)
{
	__u64 group = cpu->running.group;
	__u32 first = cpu->running.near;
	struct near_row *near;

	if (row_group == GROUP_BY_COMM && group != GROUP_CALIBRATION) { /* each time: a thread may rename itself */
		group = comm_hash(running_task(cpu));
		first = near_of(group, cpu->running.pid);
	}
	first = near_first(first, slot);
	near = near_place(first, 0);
	if (likely(is_row_of(near, owner_of(slot, cpu->running.pid), group)))
		return &near->row;
	return other_row(cpu, slot, group, first);
}

static __always_inline void add_time(struct cpu *cpu, struct row *row, __u64 ns)
{
	__u64 parity = interval;
	struct extremes *e;
	__u32 slot;

	/* Else the compiler makes shifts of it, in which the verifier of Linux 6.1 loses the bound. */
	asm volatile("%0 &= 1" : "+r"(parity));
	e = &row->extremes[parity];

	/*
	 * By way of memory, so that the verifier forgets on which of 64 ways the
	 * slot was found, and does not go on from each: it is bounded again below.
	 */
	cpu->histogram_slot = slot_of_ns(ns);
	barrier();
	slot = cpu->histogram_slot;

	row->timed++;
	row->total_ns += ns;
	if (unlikely(e->interval != interval)) {
		e->interval = interval;
		e->min_ns = ns;
		e->max_ns = ns;
	} else if (unlikely(ns < e->min_ns)) {
		e->min_ns = ns;
	} else if (unlikely(ns > e->max_ns)) {
		e->max_ns = ns;
	}
	row->histogram[bounded_slot(slot)]++;
}

/* Adds a call to its row, but for its time. NULL: there is none. */
static __always_inline struct row *count_call(struct cpu *cpu, __u32 slot, bool failed)
{
	struct row *row = row_of(cpu, slot);

	if (unlikely(!row)) {
		cpu->counters.rows_failed++;
		return NULL;
	}
	row->count++;
	if (unlikely(failed))
		row->errors++;
	return row;
}

#endif
