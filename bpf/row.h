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
 * needed. A place is told by where it begins, in bytes, so that nothing is
 * multiplied on the way to it.
 */
#define NEAR_PLACES 4
#define NOT_NEAR (~0U)

/* Two words say whose row it is. */
static __always_inline __u64 owner_of(__u32 slot, __u32 pid)
{
	return (__u64)(slot + 1) << 32 | pid;
}

/* The calls of a group are in different sets of places, as far as there are so many: the factor is odd. */
#define NEAR_STRIDE (5 * NEAR_PLACES * sizeof(struct near_row))

/* The first of the places of a group's calls of a syscall; near is near_of() the group. */
static __always_inline __u32 near_first(__u32 near, __u32 slot)
{
	return near ^ (slot * NEAR_STRIDE & near_sets);
}

static __always_inline struct near_row *near_place(__u32 at)
{
	void *all = bpf_map_lookup_elem(&near_rows, ONLY);

	return all && at <= near_last ? all + at : NULL; /* NULL for a CPU that came later */
}

static __always_inline struct times *near_times_of(__u32 at)
{
	__u32 index = at / sizeof(struct near_row);

	return bpf_map_lookup_elem(&near_times, &index);
}

static __always_inline bool is_row_of(const struct near_row *near, __u64 owner, __u64 group)
{
	return near && near->owner == owner && near->group == group;
}

/* Where a row is that is not in its first place, or NOT_NEAR. */
static __noinline __u32 other_place(const struct row_key *key, __u32 first)
{
	for (__u32 i = 1; i < NEAR_PLACES; i++) {
		__u32 at = first ^ i * sizeof(struct near_row);

		if (is_row_of(near_place(at), owner_of(key->syscall, key->pid), key->group))
			return at;
	}
	return NOT_NEAR;
}

/* User space has emptied a free place already; the kernel's own writes are what this CPU is sure to see. */
static __noinline __u32 take_place(const struct row_key *key, __u32 first)
{
	for (__u32 i = 0; i < NEAR_PLACES; i++) {
		__u32 at = first ^ i * sizeof(struct near_row);
		struct near_row *near = near_place(at);
		struct times *times = near_times_of(at);

		if (!near || !times || near->owner)
			continue;
		__builtin_memset(times, 0, sizeof(*times));
		near->count = 0;
		near->errors = 0;
		near->group = key->group;
		near->owner = owner_of(key->syscall, key->pid);
		return at;
	}
	return NOT_NEAR;
}

static __always_inline void add_time(struct cpu *cpu, struct times *times, __u64 ns)
{
	__u64 parity = interval;
	struct extremes *e;
	__u32 slot;

	/* Else the compiler makes shifts of it, in which the verifier of Linux 6.1 loses the bound. */
	asm volatile("%0 &= 1" : "+r"(parity));
	e = &times->extremes[parity];

	/*
	 * By way of memory, so that the verifier forgets on which of 64 ways the
	 * slot was found, and does not go on from each: it is bounded again below.
	 */
	cpu->histogram_slot = slot_of_ns(ns);
	barrier();
	slot = cpu->histogram_slot;

	times->timed++;
	times->total_ns += ns;
	if (unlikely(e->interval != interval)) {
		e->interval = interval;
		e->min_ns = ns;
		e->max_ns = ns;
	} else if (unlikely(ns < e->min_ns)) {
		e->min_ns = ns;
	} else if (unlikely(ns > e->max_ns)) {
		e->max_ns = ns;
	}
	times->histogram[bounded_slot(slot)]++;
}

/* The duration of a call that was not timed. */
#define NO_TIME (~0ULL)

static __always_inline void add_near(struct cpu *cpu, struct near_row *row, __u32 at, bool failed, __u64 ns)
{
	struct times *times;

	row->count++;
	if (unlikely(failed))
		row->errors++;
	if (ns == NO_TIME)
		return;
	times = near_times_of(at);
	if (times)
		add_time(cpu, times, ns);
}

static __always_inline void add_far(struct cpu *cpu, struct row *row, bool failed, __u64 ns)
{
	row->count++;
	row->errors += failed;
	if (ns != NO_TIME)
		add_time(cpu, &row->times, ns);
}

/*
 * Adds a call whose row is not in its first place: it is in another one, or further
 * away, or new, or has no place anywhere. FAILED is beside its slot.
 */
#define FAILED (1U << 16)

static __noinline void add_elsewhere(struct cpu *cpu, __u32 what, __u64 group, __u32 first, __u64 ns)
{
	struct row_key key = {
		.group = group,
		.pid = cpu->running.pid,
		.syscall = what,
		.cpu = bpf_get_smp_processor_id(),
	};
	__u32 at = other_place(&key, first);
	struct near_row *near = NULL;
	struct row *row = NULL;

	if (at == NOT_NEAR) {
		row = row_group == GROUP_BY_NONE ? bpf_map_lookup_elem(&rest, &key)
						 : bpf_map_lookup_elem(&rows, &key);
		if (!row && (row_group == GROUP_BY_NONE || keep_process_name(&key))) {
			at = take_place(&key, first);
			if (at == NOT_NEAR && row_group != GROUP_BY_NONE)
				row = new_row(&rows, &key);
		}
	}
	if (at != NOT_NEAR)
		near = near_place(at);
	if (near) {
		add_near(cpu, near, at, what & FAILED, ns);
		return;
	}
	if (!row) {
		cpu->counters.rows_overflowed += row_group != GROUP_BY_NONE;
		row = rest_row(&key);
	}
	if (row)
		add_far(cpu, row, what & FAILED, ns);
	else
		cpu->counters.rows_failed++;
}

/* Adds a call to its row; NO_TIME: but for its time. */
static __always_inline void add_call(struct cpu *cpu, __u32 slot, bool failed, __u64 ns)
{
	__u64 group = cpu->running.group;
	__u32 at = cpu->running.near;
	struct near_row *row;

	if (row_group == GROUP_BY_COMM && group != GROUP_CALIBRATION) { /* each time: a thread may rename itself */
		group = comm_hash(running_task(cpu));
		at = near_of(group, cpu->running.pid);
	}
	at = near_first(at, slot);
	row = near_place(at);
	if (likely(is_row_of(row, owner_of(slot, cpu->running.pid), group)))
		add_near(cpu, row, at, failed, ns);
	else
		add_elsewhere(cpu, failed ? slot | FAILED : slot, group, at, ns);
}

#endif
