/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows: finding the one that a call belongs to, and adding the call to it. */
#ifndef SYSCOUNT_ROW_H
#define SYSCOUNT_ROW_H

static __noinline struct row *new_row(void *map, struct row_key *key)
{
	__u32 zero = 0;
	struct row *empty = bpf_map_lookup_elem(&empty_row, &zero);

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

static __noinline struct row *first_row(struct counters *c, struct task_struct *task, struct row_key *key)
{
	struct row *row = new_row(&rows, key);

	if (row) {
		if (row_group == GROUP_BY_PROCESS)
			keep_process_name(c, task, key);
		return row;
	}
	c->rows_overflowed++;
	return rest_row(key);
}

static __always_inline struct row *row_of(struct counters *c, struct task_struct *task, struct thread *t)
{
	struct row_key key = {
		.group = t->group,
		.pid = t->pid,
		.syscall = t->syscall,
		.cpu = bpf_get_smp_processor_id(),
	};
	struct row *row;

	if (row_group == GROUP_BY_NONE)
		return rest_row(&key);
	row = bpf_map_lookup_elem(&rows, &key);
	return row ?: first_row(c, task, &key);
}

/* Restarts inside the kernel (include/linux/errno.h) are not errors: the call goes on. */
static __always_inline bool is_error(long ret)
{
	if (ret >= 0 || ret < -4095)
		return false;
	return ret != -512 && ret != -513 && ret != -514 && ret != -516;
}

static __always_inline void account(struct counters *c, struct task_struct *task, struct thread *t, __u64 ns,
				    long ret)
{
	struct row *row = row_of(c, task, t);
	struct extremes *e;
	__u32 slot;

	if (!row) {
		c->rows_failed++;
		return;
	}
	row->count++;
	row->errors += is_error(ret);
	row->total_ns += ns;
	e = &row->extremes[interval & 1];
	if (e->interval != interval) {
		e->interval = interval;
		e->min_ns = ns;
		e->max_ns = ns;
	} else if (ns < e->min_ns) {
		e->min_ns = ns;
	} else if (ns > e->max_ns) {
		e->max_ns = ns;
	}
	slot = slot_of_ns(ns);
	if (slot < HISTOGRAM_SLOTS)
		row->histogram[slot]++;
}

#endif
