package decode

import "golang.org/x/sys/unix"

var (
	fallocateMode = bits(
		bit{unix.FALLOC_FL_KEEP_SIZE, "FALLOC_FL_KEEP_SIZE"}, bit{unix.FALLOC_FL_PUNCH_HOLE, "FALLOC_FL_PUNCH_HOLE"},
		bit{unix.FALLOC_FL_COLLAPSE_RANGE, "FALLOC_FL_COLLAPSE_RANGE"}, bit{unix.FALLOC_FL_ZERO_RANGE, "FALLOC_FL_ZERO_RANGE"},
		bit{unix.FALLOC_FL_INSERT_RANGE, "FALLOC_FL_INSERT_RANGE"}, bit{unix.FALLOC_FL_UNSHARE_RANGE, "FALLOC_FL_UNSHARE_RANGE"},
		bit{unix.FALLOC_FL_WRITE_ZEROES, "FALLOC_FL_WRITE_ZEROES"})
	syncRangeFlags = bits(bit{unix.SYNC_FILE_RANGE_WAIT_BEFORE, "SYNC_FILE_RANGE_WAIT_BEFORE"},
		bit{unix.SYNC_FILE_RANGE_WRITE, "SYNC_FILE_RANGE_WRITE"}, bit{unix.SYNC_FILE_RANGE_WAIT_AFTER, "SYNC_FILE_RANGE_WAIT_AFTER"})
	fileAdvice = ordered("POSIX_FADV_NORMAL", "POSIX_FADV_RANDOM", "POSIX_FADV_SEQUENTIAL", "POSIX_FADV_WILLNEED", "POSIX_FADV_DONTNEED", "POSIX_FADV_NOREUSE")
	whence     = ordered("SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE")
	ioFlags    = bits(bit{unix.RWF_HIPRI, "RWF_HIPRI"}, bit{unix.RWF_DSYNC, "RWF_DSYNC"}, bit{unix.RWF_SYNC, "RWF_SYNC"}, bit{unix.RWF_NOWAIT, "RWF_NOWAIT"},
		bit{unix.RWF_APPEND, "RWF_APPEND"}, bit{0x20, "RWF_NOAPPEND"}, bit{0x40, "RWF_ATOMIC"}, bit{0x80, "RWF_DONTCACHE"})
	spliceFlags = bits(bit{unix.SPLICE_F_MOVE, "SPLICE_F_MOVE"}, bit{unix.SPLICE_F_NONBLOCK, "SPLICE_F_NONBLOCK"},
		bit{unix.SPLICE_F_MORE, "SPLICE_F_MORE"}, bit{unix.SPLICE_F_GIFT, "SPLICE_F_GIFT"})
	xattrFlags = bits(bit{unix.XATTR_CREATE, "XATTR_CREATE"}, bit{unix.XATTR_REPLACE, "XATTR_REPLACE"})

	mountFlags = bits(
		bit{unix.MS_RDONLY, "MS_RDONLY"}, bit{unix.MS_NOSUID, "MS_NOSUID"}, bit{unix.MS_NODEV, "MS_NODEV"}, bit{unix.MS_NOEXEC, "MS_NOEXEC"},
		bit{unix.MS_SYNCHRONOUS, "MS_SYNCHRONOUS"}, bit{unix.MS_REMOUNT, "MS_REMOUNT"}, bit{unix.MS_MANDLOCK, "MS_MANDLOCK"},
		bit{unix.MS_DIRSYNC, "MS_DIRSYNC"}, bit{unix.MS_NOSYMFOLLOW, "MS_NOSYMFOLLOW"}, bit{unix.MS_NOATIME, "MS_NOATIME"},
		bit{unix.MS_NODIRATIME, "MS_NODIRATIME"}, bit{unix.MS_BIND, "MS_BIND"}, bit{unix.MS_MOVE, "MS_MOVE"}, bit{unix.MS_REC, "MS_REC"},
		bit{unix.MS_SILENT, "MS_SILENT"}, bit{unix.MS_UNBINDABLE, "MS_UNBINDABLE"}, bit{unix.MS_PRIVATE, "MS_PRIVATE"}, bit{unix.MS_SLAVE, "MS_SLAVE"},
		bit{unix.MS_SHARED, "MS_SHARED"}, bit{unix.MS_RELATIME, "MS_RELATIME"}, bit{unix.MS_STRICTATIME, "MS_STRICTATIME"}, bit{unix.MS_LAZYTIME, "MS_LAZYTIME"})
	umountFlags = bits(bit{unix.MNT_FORCE, "MNT_FORCE"}, bit{unix.MNT_DETACH, "MNT_DETACH"}, bit{unix.MNT_EXPIRE, "MNT_EXPIRE"},
		bit{unix.UMOUNT_NOFOLLOW, "UMOUNT_NOFOLLOW"})
	openTreeFlags = bits(bit{unix.OPEN_TREE_CLONE, "OPEN_TREE_CLONE"}, bit{unix.OPEN_TREE_CLOEXEC, "OPEN_TREE_CLOEXEC"},
		bit{unix.AT_RECURSIVE, "AT_RECURSIVE"}, bit{unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"}, bit{unix.AT_NO_AUTOMOUNT, "AT_NO_AUTOMOUNT"},
		bit{unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"})
	fsconfigCommand = ordered("FSCONFIG_SET_FLAG", "FSCONFIG_SET_STRING", "FSCONFIG_SET_BINARY", "FSCONFIG_SET_PATH",
		"FSCONFIG_SET_PATH_EMPTY", "FSCONFIG_SET_FD", "FSCONFIG_CMD_CREATE", "FSCONFIG_CMD_RECONFIGURE", "FSCONFIG_CMD_CREATE_EXCL")

	quotaCommands = map[uint64]string{
		0x800001: "Q_SYNC", 0x800002: "Q_QUOTAON", 0x800003: "Q_QUOTAOFF", 0x800004: "Q_GETFMT", 0x800005: "Q_GETINFO",
		0x800006: "Q_SETINFO", 0x800007: "Q_GETQUOTA", 0x800008: "Q_SETQUOTA", 0x800009: "Q_GETNEXTQUOTA",
	}
	quotaTypes = [...]string{"USRQUOTA", "GRPQUOTA", "PRJQUOTA"}
)

// quotaCommand is a command and, in its low byte, whose quota.
func quotaCommand(_ Call, v uint64) string {
	command, kind := uint64(uint32(v))>>8, v&0xff
	name := quotaCommands[command]
	if name == "" {
		name = number(command)
	}
	if kind < uint64(len(quotaTypes)) {
		return name + ", " + quotaTypes[kind]
	}
	return name
}
