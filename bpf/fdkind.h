/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Descriptors: the file behind one, and what kind that is. */
#ifndef SYSCOUNT_FDKIND_H
#define SYSCOUNT_FDKIND_H

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

/* Anonymous inodes have had a file's mode since 6.16, and none before: the file system tells. */
static __always_inline __u8 kind_of_regular(struct inode *inode)
{
	unsigned long magic = FIELD(FIELD(inode, i_sb), s_magic);

	if (magic == ANON_INODE_FS_MAGIC)
		return FD_ANON;
	return is_pseudo(magic) ? FD_PSEUDO : FD_FILE;
}

static __always_inline __u8 kind_of_inode(struct inode *inode)
{
	switch (FIELD(inode, i_mode) & S_IFMT) {
	case S_IFREG:
		return kind_of_regular(inode);
	case S_IFDIR:
		return FD_DIR;
	case S_IFBLK:
		return FD_BLOCK;
	case S_IFCHR:
		return is_tty(FIELD(inode, i_rdev)) ? FD_TTY : FD_CHAR;
	case S_IFIFO:
		return FD_PIPE;
	case S_IFSOCK:
		return FD_SOCKET;
	}
	return FD_ANON;
}

static __always_inline struct file *file_in(struct fdtable *table, __u32 fd)
{
	struct timespec64 *slot; /* any structure that begins with 64 bits: a cast wants one */

	slot = (struct timespec64 *)(FIELD(table, fd) + fd);
	return (struct file *)FIELD(slot, tv_sec);
}

/* NULL: no such descriptor, or closed by now. */
static __always_inline struct file *file_of_fd(struct task_struct *task, __u64 fd)
{
	struct fdtable *table = FIELD(PLAIN(task, files), fdt);

	return table && (__u32)fd < FIELD(table, max_fds) ? file_in(table, fd) : NULL;
}

/* NULL: no descriptor, or one that is closed. */
static __always_inline __u32 kind_of(struct file *file)
{
	return file ? kind_of_inode(FIELD(file, f_inode)) : FD_NONE;
}

/*
 * The kind of the descriptor that a call waits on, and hence has. Another number may be past the table: that is read
 * with care, and the call does not wait, it gets EBADF. For kernels that have the cast. Of a host's waits on
 * descriptors nearly all are on pipes and sockets.
 */
static __always_inline __u32 kind_waited_on(struct task_struct *task, __u64 fd)
{
	struct file **files = CASTED(CASTED(PLAIN(task, files), fdt), fd);
	struct file *file = (struct file *)CASTED((struct timespec64 *)&files[(__u32)fd], tv_sec);
	struct inode *inode;

	if (!file) /* another thread was faster to close it */
		return FD_NONE;
	inode = CASTED(file, f_inode);
	switch (CASTED(inode, i_mode) & S_IFMT) {
	case S_IFIFO:
		return FD_PIPE;
	case S_IFSOCK:
		return FD_SOCKET;
	}
	return kind_of_inode(inode);
}

#endif
