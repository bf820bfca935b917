/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a descriptor refers to: path, socket. Read from the kernel's own structures at the end of the call. */
#ifndef SYSCOUNT_FILE_H
#define SYSCOUNT_FILE_H

/* Where the walk up a path is: addresses. */
struct walk {
	__u64 dentry;
	__u64 mnt;
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/*
 * From the root of a file system to the directory that it is mounted on. 0: it is the
 * root of all. Global: see ADDRESS.
 */
__noinline int cross_mounts(struct walk *w)
{
	struct mount *mount, *parent;
	struct vfsmount *mnt;

	if (!w)
		return 0;
	for (int i = 0; i < 4; i++) {
		mnt = (struct vfsmount *)w->mnt;
		if (w->dentry != (__u64)FIELD(mnt, mnt_root))
			break;
		mount = mount_of(mnt);
		parent = FIELD(mount, mnt_parent);
		if (!parent || parent == mount)
			return 0;
		w->dentry = (__u64)FIELD(mount, mnt_mountpoint);
		w->mnt = (__u64)parent + bpf_core_field_offset(struct mount, mnt);
	}
	return 1;
}

static __always_inline bool is_deleted(struct dentry *dentry)
{
	return FIELD(dentry, d_parent) != dentry && !FIELD(dentry, d_hash.pprev);
}

/* What append_path() says beside the length, which is below these. */
#define NAMES_LENGTH 0xffff
#define NAMES_CUT (1 << 16) /* not up to the root */
#define NAMES_DELETED (1 << 17)

/*
 * Appends the path's names from its end upwards, each with its NUL, and returns
 * their length. The end comes first: it is what tells, when the path is too long.
 * Global, as are others here: see ADDRESS.
 */
__noinline int append_path(struct slow_call *call, __u64 of)
{
	struct file *file = (struct file *)of;
	struct dentry *dentry = FIELD(file, f_path.dentry), *parent;
	struct walk w = { .dentry = (__u64)dentry, .mnt = (__u64)FIELD(file, f_path.mnt) };
	int said = is_deleted(dentry) ? NAMES_DELETED | NAMES_CUT : NAMES_CUT;
	__u32 begin, at;
	long n;

	if (!call)
		return 0;
	begin = call->tail_bytes;
	for (int i = 0; i < PATH_DEPTH; i++) {
		if (!cross_mounts(&w)) {
			said &= ~NAMES_CUT;
			break;
		}
		dentry = (struct dentry *)w.dentry;
		at = call->tail_bytes;
		if (at >= TAIL_BYTES)
			break;
		n = bpf_probe_read_kernel_str(&call->tail[at], NAME_BYTES, FIELD(dentry, d_name.name));
		if (n <= 0)
			break;
		call->tail_bytes = at + n;
		parent = FIELD(dentry, d_parent);
		if (parent == dentry) { /* a root that is mounted nowhere: pipes, sockets, anonymous inodes */
			said &= ~NAMES_CUT;
			break;
		}
		w.dentry = (__u64)parent;
	}
	return said | (call->tail_bytes - begin);
}

/* include/linux/socket.h */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

static __always_inline void report_unix(struct socket_report *report, struct sock *sk)
{
	struct unix_address *address = FIELD((struct unix_sock *)sk, addr);
	struct sock *peer = FIELD((struct unix_sock *)sk, peer);
	struct upid upid = {};
	struct pid *pid;
	__u32 length;
	void *path;

	if (!address && peer) /* a client's end seldom has a name: the server's says more */
		address = FIELD((struct unix_sock *)peer, addr);
	if (address) {
		length = FIELD(address, len) - sizeof(__u16);
		if (length > sizeof(report->path))
			length = sizeof(report->path);
		path = (void *)address + bpf_core_field_offset(struct unix_address, name) + sizeof(__u16);
		if (!bpf_probe_read_kernel(report->path, length, path))
			report->path_bytes = length;
	}
	pid = FIELD(sk, sk_peer_pid);
	if (pid && FIELD(pid, level) >= pidns_level && read_upid(pid, pidns_level, &upid))
		report->peer = upid.nr;
}

__noinline int report_socket(struct socket_report *report, __u64 of)
{
	struct file *file = (struct file *)of;
	struct socket *socket = FIELD(file, private_data);
	struct sock *sk = FIELD(socket, sk);
	__u32 address;

	if (!sk || !report)
		return 0;
	report->family = FIELD(sk, __sk_common.skc_family);
	report->state = FIELD(sk, __sk_common.skc_state);
	report->type = FIELD(socket, type);
	report->protocol = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol);
	if (report->family == AF_UNIX)
		report_unix(report, sk);
	if (report->family != AF_INET && report->family != AF_INET6)
		return 0;
	report->local_port = FIELD(sk, __sk_common.skc_num);
	report->remote_port = __builtin_bswap16(FIELD(sk, __sk_common.skc_dport));
	if (report->family == AF_INET6) {
		BPF_CORE_READ_INTO(&report->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&report->remote, sk, __sk_common.skc_v6_daddr);
		return 0;
	}
	address = FIELD(sk, __sk_common.skc_rcv_saddr);
	__builtin_memcpy(report->local, &address, sizeof(address));
	address = FIELD(sk, __sk_common.skc_daddr);
	__builtin_memcpy(report->remote, &address, sizeof(address));
	return 0;
}

static __always_inline void append_socket(struct slow_call *call, struct file_report *report, __u64 of)
{
	struct socket_report *socket;
	__u32 at = call->tail_bytes;

	if (at >= TAIL_BYTES)
		return;
	socket = (struct socket_report *)&call->tail[at];
	__builtin_memset(socket, 0, sizeof(*socket));
	report_socket(socket, of);
	report->has_socket = true;
	call->tail_bytes = at + sizeof(*socket);
}

__noinline int report_file(struct slow_call *call, struct file_report *report, __u64 of)
{
	struct file *file = (struct file *)of;
	struct inode *inode = FIELD(file, f_inode);
	int path;

	if (!call || !report)
		return 0;
	report->kind = kind_of_inode(inode);
	report->inode = FIELD(inode, i_ino);
	report->device = FIELD(FIELD(inode, i_sb), s_dev);
	path = append_path(call, of);
	report->path_bytes = path & NAMES_LENGTH;
	report->cut = !!(path & NAMES_CUT);
	report->deleted = !!(path & NAMES_DELETED);
	if (report->kind == FD_SOCKET)
		append_socket(call, report, of);
	return 0;
}

/* A path argument, as the caller's memory has it now. */
__noinline int append_text(struct slow_call *call, __u64 address)
{
	__u32 at;
	long n;

	if (!call)
		return 0;
	at = call->tail_bytes;
	if (at >= TAIL_BYTES)
		return 0;
	n = bpf_probe_read_user_str(&call->tail[at], TEXT_BYTES, (void *)address);
	if (n <= 0)
		return 0;
	call->tail_bytes = at + n;
	return n;
}

#endif
