package decode

import "golang.org/x/sys/unix"

// Numbers of the kernel's own ABI: x/sys has F_GETLK of libc's.
var fcntlNames = map[uint64]string{
	unix.F_DUPFD: "F_DUPFD", unix.F_DUPFD_CLOEXEC: "F_DUPFD_CLOEXEC", unix.F_GETFD: "F_GETFD", unix.F_SETFD: "F_SETFD",
	unix.F_GETFL: "F_GETFL", unix.F_SETFL: "F_SETFL", 5: "F_GETLK", 6: "F_SETLK", 7: "F_SETLKW", 8: "F_SETOWN", 9: "F_GETOWN",
	10: "F_SETSIG", 11: "F_GETSIG", 12: "F_GETLK64", 13: "F_SETLK64", 14: "F_SETLKW64", 15: "F_SETOWN_EX", 16: "F_GETOWN_EX",
	unix.F_OFD_GETLK: "F_OFD_GETLK", unix.F_OFD_SETLK: "F_OFD_SETLK", unix.F_OFD_SETLKW: "F_OFD_SETLKW",
	unix.F_SETLEASE: "F_SETLEASE", unix.F_GETLEASE: "F_GETLEASE", unix.F_NOTIFY: "F_NOTIFY",
	unix.F_SETPIPE_SZ: "F_SETPIPE_SZ", unix.F_GETPIPE_SZ: "F_GETPIPE_SZ", unix.F_ADD_SEALS: "F_ADD_SEALS", unix.F_GET_SEALS: "F_GET_SEALS",
	unix.F_GET_RW_HINT: "F_GET_RW_HINT", unix.F_SET_RW_HINT: "F_SET_RW_HINT",
	unix.F_GET_FILE_RW_HINT: "F_GET_FILE_RW_HINT", unix.F_SET_FILE_RW_HINT: "F_SET_FILE_RW_HINT",
	1027: "F_DUPFD_QUERY", 1028: "F_CREATED_QUERY",
}

var (
	leases = ordered("F_RDLCK", "F_WRLCK", "F_UNLCK")
	seals  = bits(
		bit{unix.F_SEAL_SEAL, "F_SEAL_SEAL"}, bit{unix.F_SEAL_SHRINK, "F_SEAL_SHRINK"}, bit{unix.F_SEAL_GROW, "F_SEAL_GROW"},
		bit{unix.F_SEAL_WRITE, "F_SEAL_WRITE"}, bit{unix.F_SEAL_FUTURE_WRITE, "F_SEAL_FUTURE_WRITE"}, bit{unix.F_SEAL_EXEC, "F_SEAL_EXEC"},
	)
	fdFlags = bits(bit{unix.FD_CLOEXEC, "FD_CLOEXEC"})
)

// fcntlArg means what the command says; most take a pointer or nothing.
func fcntlArg(c Call, v uint64) string {
	switch uint32(c.Args[1]) {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_SETPIPE_SZ, 8 /* F_SETOWN */ :
		return integer(c, v)
	case unix.F_SETFD:
		return fdFlags(c, v)
	case unix.F_SETFL:
		return openFlags(c, v)
	case 10: // F_SETSIG
		return signal(c, v)
	case unix.F_SETLEASE:
		return leases(c, v)
	case unix.F_ADD_SEALS:
		return seals(c, v)
	}
	return ""
}

var flockOperation = enumAnd(uint64(^uint32(unix.LOCK_NB)),
	map[uint64]string{unix.LOCK_SH: "LOCK_SH", unix.LOCK_EX: "LOCK_EX", unix.LOCK_UN: "LOCK_UN"},
	bit{unix.LOCK_NB, "LOCK_NB"})
