/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The parts of the kernel's own structures that we read, and nothing else.
 * The offsets come from the running kernel's BTF when the programs are loaded
 * (CO-RE), so neither order nor gaps matter here; only the names do.
 * A structure that was changed by some release appears a second time with a
 * ___suffix, which CO-RE ignores when it looks for the name.
 */
#ifndef SYSCOUNT_KERNEL_H
#define SYSCOUNT_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <stdbool.h>

/*
 * What nearly every call and every switch does stands in one piece, and all else behind it: between two calls the
 * program's work takes the CPU's caches, and each line of ours that is jumped over is fetched all the same.
 */
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_info {
	__u32 cpu; /* since Linux 5.16 */
	unsigned long flags;
	__u32 status; /* x86 only */
};

struct pid_namespace;

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct kernfs_node {
	struct kernfs_node *__parent; /* since Linux 6.15 */
	const char *name;
	__u64 id; /* the inode number of the cgroup's directory */
};

struct kernfs_node___until_6_14 {
	struct kernfs_node *parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* in the cgroup v2 hierarchy */
};

struct cgroup_namespace {
	struct css_set *root_cset;
};

struct nsproxy {
	struct cgroup_namespace *cgroup_ns;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not ended */
};

struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};

struct k_sigaction {
	struct sigaction sa;
};

struct super_block {
	unsigned long s_magic;
	__u32 s_dev;
};

struct list_head {
	struct list_head *next;
};

struct file_lock_context {
	struct list_head flc_flock;
	struct list_head flc_posix;
};

/* include/linux/filelock.h: since Linux 6.9 */
struct file_lock_core {
	struct list_head flc_list;
	int flc_pid;
};

struct file_lock___until_6_8 {
	struct list_head fl_list;
	unsigned int fl_pid;
};

struct inode {
	struct file_lock_context *i_flctx;
	unsigned short i_mode;
	__u32 i_rdev;
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

/* fs/mount.h */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	void *private_data;
	struct inode *f_inode;
	struct path f_path;
};

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport; /* big-endian */
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	struct pid *sk_peer_pid;
};

struct socket {
	short type;
	struct sock *sk;
};

struct sockaddr_un {
	unsigned short sun_family;
};

struct unix_address {
	int len; /* of name, with the family */
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

typedef struct {
	long counter;
} atomic_long_t;

struct mutex {
	atomic_long_t owner;
};

struct rw_semaphore {
	atomic_long_t owner;
};

struct cfs_bandwidth {
	__u64 throttled_time; /* ns, over all CPUs */
};

struct task_group {
	struct cfs_bandwidth cfs_bandwidth;
	struct task_group *parent;
};

struct sched_info {
	unsigned long long run_delay; /* ns runnable without a CPU */
};

struct sched_entity {
	__u64 sum_exec_runtime; /* ns on a CPU, exact when it leaves it, else up to a tick behind */
};

struct mm_struct {
	struct file *exe_file;
};

/* include/linux/time64.h */
struct timespec64 {
	__s64 tv_sec;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct___until_5_15 {
	unsigned int cpu;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	void *stack;
	unsigned int flags;
	int on_cpu; /* it runs, or is being switched out */
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long maj_flt;
	unsigned int in_iowait : 1; /* it waits for a block device */
	unsigned int frozen : 1; /* its cgroup is frozen; it may be stopped instead, or wait for a vfork child */
	unsigned long blocker; /* the kernel lock that it waits for, and its kind; since Linux 6.16 */
	struct sched_info sched_info;
	struct sched_entity se;
	struct task_group *sched_task_group;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime; /* ns, CLOCK_BOOTTIME; field 22 of /proc/PID/stat */
	const struct cred *cred;
	char comm[16];
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	unsigned long bp, bx, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax;
	unsigned long ip, sp;
};
#elif defined(__TARGET_ARCH_arm64)
/* arch/arm64/include/asm/ptrace.h: x0 is overwritten by the result, orig_x0 keeps the argument. */
struct pt_regs {
	__u64 regs[31];
	__u64 sp, pc;
	__u64 orig_x0;
	__s32 syscallno;
};
#else
#error "no system call convention for this architecture"
#endif

/* A map, for functions of the kernel that call back with it. */
struct bpf_map {
	__u32 id;
};

/* The context of an iterator over tasks: kernel/bpf/task_iter.c. */
struct bpf_iter__task {
	struct task_struct *task;
};

#pragma clang attribute pop

/* include/uapi/linux/bpf.h, since Linux 6.18: the verifier knows it by its name. */
struct bpf_task_work {
	__u64 __opaque;
} __attribute__((aligned(8)));

#endif
