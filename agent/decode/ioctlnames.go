package decode

import "golang.org/x/sys/unix"

const (
	iow  = 1
	ior  = 2
	iowr = 3

	dmIoctlSize    = 312 // struct dm_ioctl
	btrfsArgsSize  = 4096
	nvmeCmdSize    = 72 // struct nvme_passthru_cmd
	fsXattrSize    = 28 // struct fsxattr
	usbControlSize = 24
)

// ioctlNames are the requests that are common, or slow. A 32-bit program's
// request may have another size in it, and then no name here.
var ioctlNames = map[uint32]string{
	unix.TCGETS: "TCGETS", unix.TCSETS: "TCSETS", unix.TCSETSW: "TCSETSW", unix.TCSETSF: "TCSETSF", unix.TCSBRK: "TCSBRK",
	unix.TCSBRKP: "TCSBRKP", unix.TCXONC: "TCXONC", unix.TCFLSH: "TCFLSH", unix.TIOCGWINSZ: "TIOCGWINSZ", unix.TIOCSWINSZ: "TIOCSWINSZ",
	unix.TIOCGPGRP: "TIOCGPGRP", unix.TIOCSPGRP: "TIOCSPGRP", unix.TIOCSCTTY: "TIOCSCTTY", unix.TIOCNOTTY: "TIOCNOTTY",
	unix.TIOCOUTQ: "TIOCOUTQ", unix.TIOCMIWAIT: "TIOCMIWAIT", unix.TIOCGPTN: "TIOCGPTN", unix.TIOCSPTLCK: "TIOCSPTLCK",
	0x541b: "FIONREAD", 0x5421: "FIONBIO", 0x5450: "FIONCLEX", 0x5451: "FIOCLEX", 0x5452: "FIOASYNC", 0x5460: "FIOQSIZE",

	unix.BLKFLSBUF: "BLKFLSBUF", unix.BLKRRPART: "BLKRRPART", unix.BLKDISCARD: "BLKDISCARD", unix.BLKSECDISCARD: "BLKSECDISCARD",
	unix.BLKZEROOUT: "BLKZEROOUT", unix.BLKGETSIZE: "BLKGETSIZE", unix.BLKGETSIZE64: "BLKGETSIZE64", unix.BLKSSZGET: "BLKSSZGET",
	unix.BLKPBSZGET: "BLKPBSZGET", unix.BLKBSZGET: "BLKBSZGET", unix.BLKBSZSET: "BLKBSZSET", unix.BLKROSET: "BLKROSET",
	unix.BLKROGET: "BLKROGET", unix.BLKRAGET: "BLKRAGET", unix.BLKRASET: "BLKRASET", unix.BLKPG: "BLKPG",
	unix.LOOP_SET_FD: "LOOP_SET_FD", unix.LOOP_CLR_FD: "LOOP_CLR_FD", unix.LOOP_SET_STATUS: "LOOP_SET_STATUS",
	unix.LOOP_GET_STATUS: "LOOP_GET_STATUS", unix.LOOP_SET_STATUS64: "LOOP_SET_STATUS64", unix.LOOP_GET_STATUS64: "LOOP_GET_STATUS64",
	0x4c06: "LOOP_CHANGE_FD", unix.LOOP_SET_CAPACITY: "LOOP_SET_CAPACITY", unix.LOOP_SET_DIRECT_IO: "LOOP_SET_DIRECT_IO",
	unix.LOOP_SET_BLOCK_SIZE: "LOOP_SET_BLOCK_SIZE", unix.LOOP_CONFIGURE: "LOOP_CONFIGURE",
	unix.LOOP_CTL_ADD: "LOOP_CTL_ADD", unix.LOOP_CTL_REMOVE: "LOOP_CTL_REMOVE", unix.LOOP_CTL_GET_FREE: "LOOP_CTL_GET_FREE",

	1: "FIBMAP", 2: "FIGETBSZ",
	unix.FS_IOC_GETFLAGS: "FS_IOC_GETFLAGS", unix.FS_IOC_SETFLAGS: "FS_IOC_SETFLAGS", unix.FS_IOC_ENABLE_VERITY: "FS_IOC_ENABLE_VERITY",
	unix.FICLONE: "FICLONE", unix.FICLONERANGE: "FICLONERANGE", unix.FIDEDUPERANGE: "FIDEDUPERANGE",
	ioc(ior, 'X', 31, fsXattrSize): "FS_IOC_FSGETXATTR", ioc(iow, 'X', 32, fsXattrSize): "FS_IOC_FSSETXATTR",
	ioc(iowr, 'X', 119, 4): "FIFREEZE", ioc(iowr, 'X', 120, 4): "FITHAW", ioc(iowr, 'X', 121, 24): "FITRIM",
	ioc(iowr, 'f', 11, 32): "FS_IOC_FIEMAP", ioc(iowr, 'f', 15, 40): "EXT4_IOC_MOVE_EXT", ioc(iow, 'f', 16, 8): "EXT4_IOC_RESIZE_FS",
	ioc(0, 0x94, 8, 0): "BTRFS_IOC_SYNC", ioc(iow, 0x94, 1, btrfsArgsSize): "BTRFS_IOC_SNAP_CREATE",
	ioc(iow, 0x94, 2, btrfsArgsSize): "BTRFS_IOC_DEFRAG", ioc(iow, 0x94, 14, btrfsArgsSize): "BTRFS_IOC_SUBVOL_CREATE",
	ioc(iow, 0x94, 15, btrfsArgsSize): "BTRFS_IOC_SNAP_DESTROY", ioc(iow, 0x94, 23, btrfsArgsSize): "BTRFS_IOC_SNAP_CREATE_V2",
	ioc(ior, 0x94, 24, 8): "BTRFS_IOC_START_SYNC", ioc(iow, 0x94, 22, 8): "BTRFS_IOC_WAIT_SYNC",
	ioc(iowr, 0x94, 27, 1024): "BTRFS_IOC_SCRUB", ioc(iowr, 0x94, 32, 1024): "BTRFS_IOC_BALANCE_V2",

	ioc(iowr, 0xfd, 3, dmIoctlSize): "DM_DEV_CREATE", ioc(iowr, 0xfd, 4, dmIoctlSize): "DM_DEV_REMOVE",
	ioc(iowr, 0xfd, 6, dmIoctlSize): "DM_DEV_SUSPEND", ioc(iowr, 0xfd, 7, dmIoctlSize): "DM_DEV_STATUS",
	ioc(iowr, 0xfd, 8, dmIoctlSize): "DM_DEV_WAIT", ioc(iowr, 0xfd, 9, dmIoctlSize): "DM_TABLE_LOAD",
	ioc(iowr, 0xfd, 12, dmIoctlSize): "DM_TABLE_STATUS", ioc(iowr, 0xfd, 14, dmIoctlSize): "DM_TARGET_MSG",
	0x2285: "SG_IO", 0x5309: "CDROMEJECT", 0x5326: "CDROM_DRIVE_STATUS", 0x5331: "CDROM_GET_CAPABILITY",
	ioc(iowr, 'N', 0x41, nvmeCmdSize): "NVME_IOCTL_ADMIN_CMD", ioc(iowr, 'N', 0x43, nvmeCmdSize): "NVME_IOCTL_IO_CMD",
	ioc(iowr, 'U', 0, usbControlSize): "USBDEVFS_CONTROL", ioc(iowr, 'U', 2, 24): "USBDEVFS_BULK", ioc(0, 'U', 20, 0): "USBDEVFS_RESET",
	ioc(0, 0xae, 0x80, 0): "KVM_RUN", ioc(0, 0xae, 1, 0): "KVM_CREATE_VM",

	unix.SIOCGIFCONF: "SIOCGIFCONF", unix.SIOCGIFFLAGS: "SIOCGIFFLAGS", unix.SIOCSIFFLAGS: "SIOCSIFFLAGS", unix.SIOCGIFADDR: "SIOCGIFADDR",
	unix.SIOCGIFMTU: "SIOCGIFMTU", unix.SIOCGIFHWADDR: "SIOCGIFHWADDR", unix.SIOCGIFINDEX: "SIOCGIFINDEX", unix.SIOCGIFNAME: "SIOCGIFNAME",
	unix.SIOCETHTOOL: "SIOCETHTOOL", 0x8905: "SIOCATMARK", 0x8906: "SIOCGSTAMP",
	unix.TUNSETIFF: "TUNSETIFF", unix.TUNSETPERSIST: "TUNSETPERSIST", unix.RNDADDENTROPY: "RNDADDENTROPY",
	unix.PERF_EVENT_IOC_ENABLE: "PERF_EVENT_IOC_ENABLE", unix.PERF_EVENT_IOC_DISABLE: "PERF_EVENT_IOC_DISABLE",
	unix.PERF_EVENT_IOC_SET_BPF: "PERF_EVENT_IOC_SET_BPF", unix.PERF_EVENT_IOC_SET_FILTER: "PERF_EVENT_IOC_SET_FILTER",
	unix.NS_GET_USERNS: "NS_GET_USERNS", unix.NS_GET_PARENT: "NS_GET_PARENT", unix.NS_GET_NSTYPE: "NS_GET_NSTYPE",
	ioc(iowr, '!', 0, 80): "SECCOMP_IOCTL_NOTIF_RECV", ioc(iowr, '!', 1, 24): "SECCOMP_IOCTL_NOTIF_SEND",
}
