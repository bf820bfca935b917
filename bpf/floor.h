/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel side knows of rules beyond a call's threshold: those that ask how it ended,
 * and where it is made. Only a call that reached its threshold comes here, before it is described.
 *
 * Rules name places by patterns, which only user space can read. It looks at a cgroup when the first call
 * of it is handed over, and assigns it the set of those rules that can match there. Until then,
 * and where no set has room, its calls go by `lowest`, the floors of all rules together: no call is held back
 * that a rule could find slow, there are only more of them for user space to judge.
 *
 * Each change of the policy begins a new numbering, before anything else. The sets and assignments are of a
 * numbering, by their keys: so those of another one are never found, and which were deleted and which are
 * written anew meanwhile is of no matter. A look that began before the change sees it at its end.
 */
#ifndef SYSCOUNT_FLOOR_H
#define SYSCOUNT_FLOOR_H

/* Those of this syscall in the cgroup. Global: see ADDRESS. */
__noinline int find_floor(struct floor *found, __u32 slot, __u64 cgroup)
{
	struct assignment_key key = { .cgroup = cgroup, .numbering = numbering };
	struct floor_key place = { .numbering = key.numbering, .syscall = slot };
	struct floor *floor;
	__u32 *set;

	if (!found)
		return 0;
	set = bpf_map_lookup_elem(&assignments, &key);
	if (set) {
		place.set = *set;
		floor = bpf_map_lookup_elem(&floors, &place);
		if (floor) {
			*found = *floor;
			if (numbering == key.numbering) /* else the memory may be another's by now */
				return 0;
		}
	}
	slot = table_index(slot);
	found->ok_ns = lowest[slot].ok_ns;
	found->failed_ns = lowest[slot].failed_ns;
	found->open_ns = lowest[slot].open_ns;
	found->exempt = looks[slot].exempt;
	return 0;
}

/* A result that rules call failed. What the kernel restarts has not. */
static __always_inline bool has_failed(__s64 ret)
{
	return is_error(ret) && !is_restart(ret);
}

/* A sweep may have found the call open: user space waits for its end. */
static __always_inline bool was_swept(const struct floor *floor, __u64 took_ns)
{
	return sweep_age_ns && took_ns >= sweep_age_ns && took_ns >= floor->open_ns;
}

/* No rule that can match this call finds it slow after so long. */
static __always_inline bool is_ruled_out(const struct slow_call *call, const struct floor *floor)
{
	__u64 took_ns = call->end_ns - call->start_ns;

	if (call->open)
		return took_ns < floor->open_ns;
	if (was_swept(floor, took_ns))
		return false;
	return took_ns < (has_failed(call->ret) ? floor->failed_ns : floor->ok_ns);
}

#endif
