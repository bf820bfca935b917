package decode

import "slices"

// pathArgs are the arguments that point to a path, or to a name that says as
// much (memfd_create, mq_open).
var pathArgs = map[string][]int{
	"open": {0}, "openat": {1}, "openat2": {1}, "creat": {0},
	"stat": {0}, "lstat": {0}, "stat64": {0}, "lstat64": {0}, "oldstat": {0}, "oldlstat": {0}, "newfstatat": {1}, "fstatat64": {1}, "statx": {1},
	"access": {0}, "faccessat": {1}, "faccessat2": {1},
	"unlink": {0}, "unlinkat": {1}, "rmdir": {0}, "mkdir": {0}, "mkdirat": {1}, "mknod": {0}, "mknodat": {1},
	"rename": {0, 1}, "renameat": {1, 3}, "renameat2": {1, 3}, "link": {0, 1}, "linkat": {1, 3}, "symlink": {0, 1}, "symlinkat": {0, 2},
	"readlink": {0}, "readlinkat": {1},
	"chmod": {0}, "fchmodat": {1}, "fchmodat2": {1},
	"chown": {0}, "lchown": {0}, "chown32": {0}, "lchown32": {0}, "fchownat": {1},
	"utime": {0}, "utimes": {0}, "futimesat": {1}, "utimensat": {1}, "utimensat_time64": {1},
	"truncate": {0}, "truncate64": {0}, "statfs": {0}, "statfs64": {0},
	"execve": {0}, "execveat": {1}, "uselib": {0}, "chdir": {0}, "chroot": {0}, "acct": {0}, "swapon": {0}, "swapoff": {0}, "quotactl": {1},
	"mount": {0, 1}, "umount": {0}, "umount2": {0}, "pivot_root": {0, 1},
	"open_tree": {1}, "open_tree_attr": {1}, "move_mount": {1, 3}, "fspick": {1}, "mount_setattr": {1},
	"setxattr": {0}, "lsetxattr": {0}, "getxattr": {0}, "lgetxattr": {0}, "listxattr": {0}, "llistxattr": {0}, "removexattr": {0}, "lremovexattr": {0},
	"setxattrat": {1}, "getxattrat": {1}, "listxattrat": {1}, "removexattrat": {1}, "file_getattr": {1}, "file_setattr": {1},
	"name_to_handle_at": {1}, "inotify_add_watch": {1}, "fanotify_mark": {4},
	"memfd_create": {0}, "mq_open": {0}, "mq_unlink": {0},
}

// compatPathArgs are those that a 64-bit value before them shifts in 32-bit
// ABIs.
var compatPathArgs = map[string][]int{"fanotify_mark": {5}}

// PathArgs gives the arguments of a call that point to a path; nil when it has
// none.
func PathArgs(name string, compat bool) []int {
	if at, shifted := compatPathArgs[name]; compat && shifted {
		return slices.Clone(at)
	}
	return slices.Clone(pathArgs[name])
}
