/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* cgroups: their ids, their paths, and the filter by subtree. All but cgroup_of() is off the fast path. */
#ifndef SYSCOUNT_CGROUP_H
#define SYSCOUNT_CGROUP_H

/* Four dependent loads. A cached id would be wrong after a migration. */
static __always_inline __u64 cgroup_of(struct task_struct *task)
{
	return LOAD(task, cgroups->dfl_cgrp->kn->id);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___until_6_14 *old = (void *)kn;

	if (bpf_core_field_exists(old->parent))
		return BPF_CORE_READ(old, parent);
	return BPF_CORE_READ(kn, __parent);
}

static __always_inline __u64 cgroup_node(struct task_struct *task)
{
	return ADDRESS(LOAD(task, cgroups->dfl_cgrp->kn));
}

/* What the filter says of a cgroup and of those above it, by id and by name: enum choice. Global: see ADDRESS. */
__noinline int choice_of_cgroup(__u64 node)
{
	struct kernfs_node *kn = (struct kernfs_node *)node;
	struct scratch *s;
	__u8 *choice;
	int all = 0;
	__u64 id;

	s = bpf_map_lookup_elem(&scratch, ONLY);
	if (!s)
		return 0;
	for (int i = 0; i < CGROUP_DEPTH && kn; i++) {
		id = BPF_CORE_READ(kn, id);
		choice = bpf_map_lookup_elem(&target_cgroups, &id);
		if (choice)
			all |= *choice;
		__builtin_memset(__builtin_assume_aligned(&s->name, 8), 0, sizeof(s->name));
		bpf_probe_read_kernel_str(s->name.name, sizeof(s->name.name), BPF_CORE_READ(kn, name));
		choice = bpf_map_lookup_elem(&target_names, &s->name);
		if (choice)
			all |= *choice;
		kn = kernfs_parent(kn);
	}
	return all;
}

/* Collects the names from the thread's cgroup up to the root of the agent's cgroup namespace. */
static __always_inline void read_cgroup_path(struct kernfs_node *kn, struct cgroup_path *path)
{
	struct kernfs_node *parent;
	__u32 used = 0;
	long n;

	path->end = PATH_CUT;
	for (int i = 0; i < CGROUP_DEPTH && kn; i++) {
		parent = kernfs_parent(kn);
		if (BPF_CORE_READ(kn, id) == cgroupns_root) {
			path->end = PATH_INSIDE;
			break;
		}
		if (!parent) {
			path->end = PATH_OUTSIDE;
			break;
		}
		if (used >= CGROUP_PATH_BYTES)
			break;
		n = bpf_probe_read_kernel_str(&path->names[used], CGROUP_NAME_BYTES, BPF_CORE_READ(kn, name));
		if (n <= 0)
			break;
		used += n;
		kn = parent;
	}
	path->bytes = used;
}

/* Keeps the path for user space, which may learn of the cgroup only after it is gone. Global: see ADDRESS. */
__noinline int keep_cgroup_path(__u64 node, __u64 cgroup)
{
	struct cpu *cpu = this_cpu();
	struct scratch *s;

	if (bpf_map_lookup_elem(&cgroup_paths, &cgroup))
		return 1;
	s = bpf_map_lookup_elem(&scratch, ONLY);
	if (!s || !cpu)
		return 0;
	read_cgroup_path((struct kernfs_node *)node, &s->path);
	if (bpf_map_update_elem(&cgroup_paths, &cgroup, &s->path, BPF_ANY))
		cpu->counters.cgroup_names_failed++;
	return 0;
}

#endif
