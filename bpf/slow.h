/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The slow path: what is known about a call at its end, handed over to user space. */
#ifndef SYSCOUNT_SLOW_H
#define SYSCOUNT_SLOW_H

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

/* include/uapi/linux/magic.h */
#define ANON_INODE_FS_MAGIC 0x09041934
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define CGROUP2_SUPER_MAGIC 0x63677270
#define TRACEFS_MAGIC 0x74726163
#define DEBUGFS_MAGIC 0x64626720
#define SECURITYFS_MAGIC 0x73636673
#define CONFIGFS_MAGIC 0x62656570 /* fs/configfs/mount.c */
#define BPF_FS_MAGIC 0xcafe4a11

static __always_inline __u64 threshold_of(__u32 slot)
{
	return threshold_ns[table_index(slot)];
}

/* Documentation/admin-guide/devices.txt: tty, console, serial and pseudo-terminal majors. */
static __always_inline bool is_tty(__u32 rdev)
{
	__u32 major = rdev >> 20;

	return major == 4 || major == 5 || (major >= 136 && major <= 143) || major == 204;
}

/* Their regular files may wait for an event (/proc/kmsg, trace_pipe, memory.pressure). */
static __always_inline bool is_pseudo(unsigned long magic)
{
	switch (magic) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case TRACEFS_MAGIC:
	case DEBUGFS_MAGIC:
	case SECURITYFS_MAGIC:
	case CONFIGFS_MAGIC:
	case BPF_FS_MAGIC:
		return true;
	}
	return false;
}

static __always_inline __u8 kind_of_inode(struct inode *inode)
{
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);

	/* Anonymous inodes have had a file's mode since 6.16: the file system tells. */
	if (magic == ANON_INODE_FS_MAGIC)
		return FD_ANON;
	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFREG:
		return is_pseudo(magic) ? FD_PSEUDO : FD_FILE;
	case S_IFDIR:
		return FD_DIR;
	case S_IFBLK:
		return FD_BLOCK;
	case S_IFCHR:
		return is_tty(BPF_CORE_READ(inode, i_rdev)) ? FD_TTY : FD_CHAR;
	case S_IFIFO:
		return FD_PIPE;
	case S_IFSOCK:
		return FD_SOCKET;
	}
	return FD_ANON;
}

static __always_inline __u8 kind_of_fd(struct task_struct *task, __u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slot, *file = NULL;

	fd = (__u32)fd;
	if (!table || fd >= BPF_CORE_READ(table, max_fds))
		return FD_NONE;
	slot = BPF_CORE_READ(table, fd) + fd;
	if (bpf_probe_read_kernel(&file, sizeof(file), slot) || !file)
		return FD_NONE;
	return kind_of_inode(BPF_CORE_READ(file, f_inode));
}

/* Only for a call that took at least its threshold. False: the ring is full. */
static __noinline bool hand_over(__u32 slot, struct pt_regs *regs, const struct ended *ended)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	struct slow_call *call;

	call = bpf_ringbuf_reserve(&slow_calls, sizeof(*call), 0);
	if (!call)
		return false;
	__builtin_memset(call, 0, sizeof(*call));
	call->start_ns = ended->start_ns;
	call->end_ns = ended->end_ns;
	call->ret = ended->ret;
	call->syscall = slot;
	call->has_args = !(has_trait(slot, TRAIT_NEW_REGISTERS) && ended->ret == 0);
	if (call->has_args)
		read_args(regs, slot, call->args);
	if (call->has_args && has_trait(slot, TRAIT_FD_FIRST))
		call->fd_kind = kind_of_fd(task, call->args[0]);
	else if (has_trait(slot, TRAIT_FD_RESULT) && ended->ret >= 0)
		call->fd_kind = kind_of_fd(task, ended->ret);
	call->process_start_ns = leader->start_boottime;
	call->cgroup = cgroup_of(task);
	keep_cgroup_path(task, call->cgroup);
	call->pid = pid_in_our_namespace(leader);
	call->tid = pid_in_our_namespace(task);
	call->parent = pid_in_our_namespace(BPF_CORE_READ(leader, real_parent, group_leader));
	call->uid = task->cred->uid.val;
	bpf_probe_read_kernel_str(call->comm, sizeof(call->comm), task->comm);
	bpf_ringbuf_submit(call, 0);
	return true;
}

/* The end of a call that had begun: its row, and the slow path if it took its threshold. */
static __always_inline void finish(struct cpu *cpu, struct pt_regs *regs, struct ended *ended)
{
	__u32 slot = cpu->running.syscall;

	if (ended->end_ns < ended->start_ns) {
		cpu->counters.negative++;
		ended->end_ns = ended->start_ns;
	}
	account(cpu, slot, ended->start_ns, ended->end_ns - ended->start_ns, ended->ret);
	if (ended->start_ns == UNTIMED || ended->end_ns - ended->start_ns < threshold_of(slot))
		return;
	cpu->counters.slow++;
	if (!hand_over(slot, regs, ended))
		cpu->counters.ring_full++;
}

#endif
