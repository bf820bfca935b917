package decode

import "golang.org/x/sys/unix"

// protection is PROT_NONE for 0.
func protection(c Call, v uint64) string {
	if uint32(v) == 0 {
		return "PROT_NONE"
	}
	return protBits(c, v)
}

var protBits = bits(bit{unix.PROT_READ, "PROT_READ"}, bit{unix.PROT_WRITE, "PROT_WRITE"}, bit{unix.PROT_EXEC, "PROT_EXEC"},
	bit{unix.PROT_GROWSDOWN, "PROT_GROWSDOWN"}, bit{unix.PROT_GROWSUP, "PROT_GROWSUP"})

const mapType = 0x0f // MAP_TYPE

var mapFlags = enumAnd(mapType, map[uint64]string{
	unix.MAP_SHARED: "MAP_SHARED", unix.MAP_PRIVATE: "MAP_PRIVATE", unix.MAP_SHARED_VALIDATE: "MAP_SHARED_VALIDATE", 8: "MAP_DROPPABLE",
},
	bit{unix.MAP_FIXED, "MAP_FIXED"}, bit{unix.MAP_ANONYMOUS, "MAP_ANONYMOUS"}, bit{unix.MAP_GROWSDOWN, "MAP_GROWSDOWN"},
	bit{unix.MAP_DENYWRITE, "MAP_DENYWRITE"}, bit{unix.MAP_EXECUTABLE, "MAP_EXECUTABLE"}, bit{unix.MAP_LOCKED, "MAP_LOCKED"},
	bit{unix.MAP_NORESERVE, "MAP_NORESERVE"}, bit{unix.MAP_POPULATE, "MAP_POPULATE"}, bit{unix.MAP_NONBLOCK, "MAP_NONBLOCK"},
	bit{unix.MAP_STACK, "MAP_STACK"}, bit{unix.MAP_HUGETLB, "MAP_HUGETLB"}, bit{unix.MAP_SYNC, "MAP_SYNC"},
	bit{unix.MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"})

// mapFD and mapOffset: a mapping of no file has neither.
func mapFD(c Call, v uint64) string {
	if c.Args[3]&unix.MAP_ANONYMOUS != 0 {
		return ""
	}
	return integer(c, v)
}

func mapOffset(c Call, v uint64) string {
	if c.Args[3]&unix.MAP_ANONYMOUS != 0 {
		return ""
	}
	return size(c, v)
}

var remapFlags = bits(bit{unix.MREMAP_MAYMOVE, "MREMAP_MAYMOVE"}, bit{unix.MREMAP_FIXED, "MREMAP_FIXED"}, bit{unix.MREMAP_DONTUNMAP, "MREMAP_DONTUNMAP"})

var memoryAdvice = enum(map[uint64]string{
	unix.MADV_NORMAL: "MADV_NORMAL", unix.MADV_RANDOM: "MADV_RANDOM", unix.MADV_SEQUENTIAL: "MADV_SEQUENTIAL",
	unix.MADV_WILLNEED: "MADV_WILLNEED", unix.MADV_DONTNEED: "MADV_DONTNEED", unix.MADV_FREE: "MADV_FREE", unix.MADV_REMOVE: "MADV_REMOVE",
	unix.MADV_DONTFORK: "MADV_DONTFORK", unix.MADV_DOFORK: "MADV_DOFORK", unix.MADV_HWPOISON: "MADV_HWPOISON", 101: "MADV_SOFT_OFFLINE",
	unix.MADV_MERGEABLE: "MADV_MERGEABLE", unix.MADV_UNMERGEABLE: "MADV_UNMERGEABLE", unix.MADV_HUGEPAGE: "MADV_HUGEPAGE",
	unix.MADV_NOHUGEPAGE: "MADV_NOHUGEPAGE", unix.MADV_DONTDUMP: "MADV_DONTDUMP", unix.MADV_DODUMP: "MADV_DODUMP",
	unix.MADV_WIPEONFORK: "MADV_WIPEONFORK", unix.MADV_KEEPONFORK: "MADV_KEEPONFORK", unix.MADV_COLD: "MADV_COLD",
	unix.MADV_PAGEOUT: "MADV_PAGEOUT", unix.MADV_POPULATE_READ: "MADV_POPULATE_READ", unix.MADV_POPULATE_WRITE: "MADV_POPULATE_WRITE",
	unix.MADV_DONTNEED_LOCKED: "MADV_DONTNEED_LOCKED", unix.MADV_COLLAPSE: "MADV_COLLAPSE", 102: "MADV_GUARD_INSTALL", 103: "MADV_GUARD_REMOVE",
})

var (
	msyncFlags    = bits(bit{unix.MS_ASYNC, "MS_ASYNC"}, bit{unix.MS_INVALIDATE, "MS_INVALIDATE"}, bit{unix.MS_SYNC, "MS_SYNC"})
	mlockFlags    = bits(bit{1, "MLOCK_ONFAULT"})
	mlockallFlags = bits(bit{unix.MCL_CURRENT, "MCL_CURRENT"}, bit{unix.MCL_FUTURE, "MCL_FUTURE"}, bit{unix.MCL_ONFAULT, "MCL_ONFAULT"})
	memfdFlags    = bits(bit{unix.MFD_CLOEXEC, "MFD_CLOEXEC"}, bit{unix.MFD_ALLOW_SEALING, "MFD_ALLOW_SEALING"}, bit{unix.MFD_HUGETLB, "MFD_HUGETLB"},
		bit{unix.MFD_NOEXEC_SEAL, "MFD_NOEXEC_SEAL"}, bit{unix.MFD_EXEC, "MFD_EXEC"})
)
