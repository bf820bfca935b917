package decode

import "golang.org/x/sys/unix"

const accessMode = unix.O_RDONLY | unix.O_WRONLY | unix.O_RDWR

var accessModes = [...]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}

// largeFile is the kernel's O_LARGEFILE, which x/sys has as 0, libc's on 64-bit
// machines: 0x8000 on amd64, 0x20000 on arm64, and O_NOFOLLOW the other way round.
const largeFile = 0x28000 &^ unix.O_NOFOLLOW

var openBits = []bit{
	{unix.O_TMPFILE, "O_TMPFILE"}, {unix.O_SYNC, "O_SYNC"},
	{unix.O_CREAT, "O_CREAT"}, {unix.O_EXCL, "O_EXCL"}, {unix.O_NOCTTY, "O_NOCTTY"}, {unix.O_TRUNC, "O_TRUNC"}, {unix.O_APPEND, "O_APPEND"},
	{unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_DSYNC, "O_DSYNC"}, {unix.O_ASYNC, "O_ASYNC"}, {unix.O_DIRECT, "O_DIRECT"},
	{largeFile, "O_LARGEFILE"}, {unix.O_DIRECTORY, "O_DIRECTORY"}, {unix.O_NOFOLLOW, "O_NOFOLLOW"}, {unix.O_NOATIME, "O_NOATIME"},
	{unix.O_CLOEXEC, "O_CLOEXEC"}, {unix.O_PATH, "O_PATH"},
}

// openFlags has the access mode first, which is a number and no flag.
func openFlags(_ Call, v uint64) string {
	name := accessModes[v&accessMode]
	if rest := uint64(uint32(v)) &^ accessMode; rest != 0 {
		return name + "|" + joinBits(rest, openBits)
	}
	return name
}

// modeIfCreated: without O_CREAT and O_TMPFILE the register holds anything.
func modeIfCreated(flags int) text {
	return func(c Call, v uint64) string {
		const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY
		if c.Args[flags]&(unix.O_CREAT|tmpfile) == 0 {
			return ""
		}
		return octal(c, v)
	}
}

var access = bits(bit{unix.R_OK, "R_OK"}, bit{unix.W_OK, "W_OK"}, bit{unix.X_OK, "X_OK"})

// accessCheck is 0 for "does it exist".
func accessCheck(c Call, v uint64) string {
	if uint32(v) == 0 {
		return "F_OK"
	}
	return access(c, v)
}

var atFlags = bits(
	bit{unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"}, bit{unix.AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"},
	bit{unix.AT_NO_AUTOMOUNT, "AT_NO_AUTOMOUNT"}, bit{unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"},
	bit{unix.AT_STATX_FORCE_SYNC, "AT_STATX_FORCE_SYNC"}, bit{unix.AT_STATX_DONT_SYNC, "AT_STATX_DONT_SYNC"},
	bit{unix.AT_RECURSIVE, "AT_RECURSIVE"},
)

// The bit 0x200 means one thing to unlinkat, another to faccessat2.
var (
	unlinkFlags = bits(bit{unix.AT_REMOVEDIR, "AT_REMOVEDIR"})
	accessFlags = bits(bit{unix.AT_EACCESS, "AT_EACCESS"}, bit{unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"}, bit{unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"})
	renameFlags = bits(bit{unix.RENAME_NOREPLACE, "RENAME_NOREPLACE"}, bit{unix.RENAME_EXCHANGE, "RENAME_EXCHANGE"}, bit{unix.RENAME_WHITEOUT, "RENAME_WHITEOUT"})
	statxMask   = bits(bit{unix.STATX_BASIC_STATS, "STATX_BASIC_STATS"}, bit{unix.STATX_BTIME, "STATX_BTIME"}, bit{unix.STATX_MNT_ID, "STATX_MNT_ID"})
)
