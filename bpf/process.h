/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes: their numbers in the agent's PID namespace, their marks, their names. */
#ifndef SYSCOUNT_PROCESS_H
#define SYSCOUNT_PROCESS_H

/* numbers[] is a flexible array: its element's size is the running kernel's. */
static __always_inline bool read_upid(struct pid *pid, __u32 level, struct upid *upid)
{
	__u32 size = bpf_core_type_size(struct upid);
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);

	return !bpf_probe_read_kernel(upid, sizeof(*upid), numbers + level * size);
}

/* The number of a task in the agent's PID namespace; 0: it has none. Global: see ADDRESS. */
__noinline int number_of(__u64 of)
{
	struct task_struct *task = (struct task_struct *)of;
	struct pid *pid = FIELD(task, thread_pid);
	struct upid upid = {};

	if (!pid || FIELD(pid, level) < pidns_level || !read_upid(pid, pidns_level, &upid))
		return 0;
	return FIELD(upid.ns, ns.inum) == pidns_inum ? upid.nr : 0;
}

static __always_inline __u32 pid_in_our_namespace(struct task_struct *task)
{
	return number_of(ADDRESS(task));
}

/*
 * A process that the agent's PID namespace has no number for is out of scope:
 * an agent in a container observes that container.
 */
static __always_inline bool is_nameable(struct task_struct *task)
{
	return number_of(ADDRESS(task));
}

/* Multiplicative, of the 16 bytes; never 0. */
static __always_inline __u64 hash_of_comm(__u64 first, __u64 second)
{
	return ((first ^ 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL ^ second) * 0xc4ceb9fe1a85ec53ULL | 1;
}

/* The name itself is kept beside the rows. */
static __always_inline __u64 comm_hash(struct task_struct *task)
{
	const __u64 *words = (const __u64 *)task->comm;

	return hash_of_comm(words[0], words[1]);
}

static __always_inline bool is_self(struct task_struct *leader)
{
	__u32 *mark = bpf_task_storage_get(&marks, leader, NULL, 0);

	return mark && *mark == MARK_SELF;
}

/*
 * A thread that called execve takes the leader's place, and the leader's mark
 * dies with the old leader: then the verdict that the new leader was given
 * before stands for its whole process.
 */
static __always_inline bool is_marked(struct task_struct *task, struct task_struct *leader)
{
	__u32 *mark = bpf_task_storage_get(&marks, leader, NULL, 0);
	struct thread *t;

	if (mark && *mark == family)
		return true;
	t = bpf_task_storage_get(&threads, leader, NULL, 0);
	return t && t->generation == in_force.generation && t->observed;
}

/* The parent runs: it forks. */
static __always_inline void inherit_mark(struct task_struct *parent, struct task_struct *child)
{
	__u32 mark = family;
	struct cpu *cpu;

	if (child->tgid == parent->tgid || !is_marked(parent, parent->group_leader))
		return;
	if (bpf_task_storage_get(&marks, child, &mark, BPF_LOCAL_STORAGE_GET_F_CREATE))
		return;
	cpu = this_cpu();
	if (cpu)
		cpu->counters.storage_failed++;
}

static __always_inline bool is_same_name(const struct process_name *known, const struct process_name *name)
{
	const __u64 *a = (const __u64 *)known->comm, *b = (const __u64 *)name->comm;

	return a[0] == b[0] && a[1] == b[1] && known->cgroup == name->cgroup && known->uid == name->uid &&
	       !known->exited;
}

static __always_inline void read_name(struct process_name *name, struct task_struct *named)
{
	name->cgroup = cgroup_of(named);
	name->uid = LOAD(named, cred->uid.val);
	bpf_probe_read_kernel_str(name->comm, sizeof(name->comm), named->comm);
}

/* In its place: an update of the map would take memory anew. The kernel writes and we read task->comm as unguarded.
 */
static __always_inline void rename(struct process_name *known, const struct process_name *name)
{
	volatile __u64 *comm = (volatile __u64 *)known->comm;
	const __u64 *to = (const __u64 *)name->comm;

	comm[0] = to[0];
	comm[1] = to[1];
	known->cgroup = name->cgroup;
	known->uid = name->uid;
	known->exited = false;
}

/*
 * Comes with each new row, so that the name of the program it became after execve
 * wins; most rows find it there. False: there is no room. Then there must be no
 * row either: without a name nobody would learn that the process has ended, and free it.
 */
static __noinline bool keep_process_name(const struct row_key *row)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_key key = { .start_ns = row->group, .pid = row->pid };
	struct process_name *known, name = {};

	if ((row_group != GROUP_BY_PROCESS && row_group != GROUP_BY_COMM) || row->group == GROUP_CALIBRATION)
		return true;
	read_name(&name, row_group == GROUP_BY_COMM ? task : task->group_leader);
	known = bpf_map_lookup_elem(&process_names, &key);
	if (!known)
		return !bpf_map_update_elem(&process_names, &key, &name, BPF_ANY);
	if (!is_same_name(known, &name))
		rename(known, &name);
	return true;
}

/* The last thread has ended: the process makes no call any more, and its name is the last that it has given itself.
 */
static __noinline void mark_exited(struct task_struct *leader)
{
	struct process_key key = { .start_ns = LOAD(leader, start_boottime), .pid = pid_in_our_namespace(leader) };
	struct process_name *known = bpf_map_lookup_elem(&process_names, &key);
	struct process_name name = {};

	if (!known)
		return;
	read_name(&name, leader);
	if (!is_same_name(known, &name))
		rename(known, &name);
	barrier();
	known->exited = true;
}

#endif
