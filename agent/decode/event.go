package decode

import "golang.org/x/sys/unix"

var (
	epollOp         = ordered("", "EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "EPOLL_CTL_MOD")
	epollFlags      = bits(bit{unix.EPOLL_CLOEXEC, "EPOLL_CLOEXEC"})
	eventfdFlags    = bits(bit{unix.EFD_CLOEXEC, "EFD_CLOEXEC"}, bit{unix.EFD_NONBLOCK, "EFD_NONBLOCK"}, bit{unix.EFD_SEMAPHORE, "EFD_SEMAPHORE"})
	timerfdFlags    = bits(bit{unix.TFD_CLOEXEC, "TFD_CLOEXEC"}, bit{unix.TFD_NONBLOCK, "TFD_NONBLOCK"})
	timerfdSet      = bits(bit{unix.TFD_TIMER_ABSTIME, "TFD_TIMER_ABSTIME"}, bit{unix.TFD_TIMER_CANCEL_ON_SET, "TFD_TIMER_CANCEL_ON_SET"})
	cloexecNonblock = bits(bit{unix.O_CLOEXEC, "SFD_CLOEXEC"}, bit{unix.O_NONBLOCK, "SFD_NONBLOCK"})
	pipeFlags       = bits(bit{unix.O_CLOEXEC, "O_CLOEXEC"}, bit{unix.O_NONBLOCK, "O_NONBLOCK"}, bit{unix.O_DIRECT, "O_DIRECT"})
	cloexec         = bits(bit{unix.O_CLOEXEC, "O_CLOEXEC"})
	inotifyFlags    = bits(bit{unix.IN_CLOEXEC, "IN_CLOEXEC"}, bit{unix.IN_NONBLOCK, "IN_NONBLOCK"})
	inotifyMask     = bits(
		bit{unix.IN_ALL_EVENTS, "IN_ALL_EVENTS"}, bit{unix.IN_ACCESS, "IN_ACCESS"}, bit{unix.IN_MODIFY, "IN_MODIFY"}, bit{unix.IN_ATTRIB, "IN_ATTRIB"},
		bit{unix.IN_CLOSE_WRITE, "IN_CLOSE_WRITE"}, bit{unix.IN_CLOSE_NOWRITE, "IN_CLOSE_NOWRITE"}, bit{unix.IN_OPEN, "IN_OPEN"},
		bit{unix.IN_MOVED_FROM, "IN_MOVED_FROM"}, bit{unix.IN_MOVED_TO, "IN_MOVED_TO"}, bit{unix.IN_CREATE, "IN_CREATE"}, bit{unix.IN_DELETE, "IN_DELETE"},
		bit{unix.IN_DELETE_SELF, "IN_DELETE_SELF"}, bit{unix.IN_MOVE_SELF, "IN_MOVE_SELF"}, bit{unix.IN_ONLYDIR, "IN_ONLYDIR"},
		bit{unix.IN_DONT_FOLLOW, "IN_DONT_FOLLOW"}, bit{unix.IN_EXCL_UNLINK, "IN_EXCL_UNLINK"}, bit{unix.IN_MASK_ADD, "IN_MASK_ADD"}, bit{unix.IN_ONESHOT, "IN_ONESHOT"})
	fanotifyFlags = bits(bit{unix.FAN_MARK_FLUSH, "FAN_MARK_FLUSH"}, bit{unix.FAN_MARK_ADD, "FAN_MARK_ADD"}, bit{unix.FAN_MARK_REMOVE, "FAN_MARK_REMOVE"},
		bit{unix.FAN_MARK_MOUNT, "FAN_MARK_MOUNT"}, bit{unix.FAN_MARK_FILESYSTEM, "FAN_MARK_FILESYSTEM"})

	clock = ordered("CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID", "CLOCK_MONOTONIC_RAW",
		"CLOCK_REALTIME_COARSE", "CLOCK_MONOTONIC_COARSE", "CLOCK_BOOTTIME", "CLOCK_REALTIME_ALARM", "CLOCK_BOOTTIME_ALARM", "", "CLOCK_TAI")
	sleepFlags = bits(bit{timerAbstime, "TIMER_ABSTIME"})

	uringEnter = bits(bit{1, "IORING_ENTER_GETEVENTS"}, bit{2, "IORING_ENTER_SQ_WAKEUP"}, bit{4, "IORING_ENTER_SQ_WAIT"}, bit{8, "IORING_ENTER_EXT_ARG"},
		bit{16, "IORING_ENTER_REGISTERED_RING"}, bit{32, "IORING_ENTER_ABS_TIMER"}, bit{64, "IORING_ENTER_EXT_ARG_REG"})

	messageQueueFlags = bits(bit{ipcNoWait, "IPC_NOWAIT"}, bit{0x1000, "MSG_NOERROR"}, bit{0x2000, "MSG_EXCEPT"}, bit{0x4000, "MSG_COPY"})
	ipcCommand        = enum(map[uint64]string{0: "IPC_RMID", 1: "IPC_SET", 2: "IPC_STAT", 3: "IPC_INFO"})
)

const (
	timerAbstime = 1
	ipcNoWait    = 0x800
)
