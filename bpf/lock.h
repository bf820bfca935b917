/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who holds the lock on a file that a flock or fcntl call waits for. */
#ifndef SYSCOUNT_LOCK_H
#define SYSCOUNT_LOCK_H

/* include/uapi/asm-generic/fcntl.h: the second argument of a flock that waits */
#define LOCK_SH 1
#define LOCK_EX 2

#define LOCKS_LOOKED_AT 8

/* The thread group that has this lock, in the initial PID namespace; -1 for a lock of an open file description. */
static __always_inline int holder_of(struct list_head *entry)
{
	void *lock = entry;

	if (bpf_core_type_exists(struct file_lock_core)) {
		lock -= bpf_core_field_offset(struct file_lock_core, flc_list);
		return BPF_CORE_READ((struct file_lock_core *)lock, flc_pid);
	}
	lock -= bpf_core_field_offset(struct file_lock___until_6_8, fl_list);
	return BPF_CORE_READ((struct file_lock___until_6_8 *)lock, fl_pid);
}

/*
 * The process that has the locks on that file, if it is a single one: which of several
 * stands in the way the kernel does not keep. The calling process itself counts
 * only if there is no other. 0: nobody can be named; so it is in a PID
 * namespace below the initial one, whose numbers these are.
 */
static __always_inline __u32 lock_holder(const struct slow_call *call, struct task_struct *task, struct file *file)
{
	struct file_lock_context *context = file ? BPF_CORE_READ(file, f_inode, i_flctx) : NULL;
	bool is_flock = call->args[1] == LOCK_SH || call->args[1] == LOCK_EX;
	struct list_head *head, *entry;
	int found = 0, self = 0, holder;

	if (!context || pidns_level)
		return 0;
	head = (void *)context + (is_flock ? bpf_core_field_offset(struct file_lock_context, flc_flock)
					   : bpf_core_field_offset(struct file_lock_context, flc_posix));
	entry = BPF_CORE_READ(head, next);
	for (int i = 0; i < LOCKS_LOOKED_AT && entry && entry != head; i++) {
		holder = holder_of(entry);
		if (holder == LOAD(task, tgid))
			self = holder;
		else if (found && found != holder)
			return 0;
		else
			found = holder;
		entry = BPF_CORE_READ(entry, next);
	}
	if (found < 0 || (entry && entry != head))
		return 0;
	return found ?: self;
}

#endif
