package decode

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// integer is an int of C.
func integer(_ Call, v uint64) string { return strconv.Itoa(int(int32(uint32(v)))) }

// unsigned is an unsigned int of C.
func unsigned(_ Call, v uint64) string { return strconv.FormatUint(uint64(uint32(v)), 10) }

// size is a size_t.
func size(_ Call, v uint64) string { return strconv.FormatUint(v, 10) }

// offset is an off_t or a long: signed, as wide as the ABI has it.
func offset(c Call, v uint64) string {
	if c.Compat {
		return integer(c, v)
	}
	return strconv.FormatInt(int64(v), 10)
}

func hex(_ Call, v uint64) string { return fmt.Sprintf("%#x", v) }

// octal is a mode: "0644".
func octal(_ Call, v uint64) string { return fmt.Sprintf("%#04o", uint16(v)) }

// dirfd is where a relative path begins.
func dirfd(c Call, v uint64) string {
	if int32(uint32(v)) == unix.AT_FDCWD {
		return "AT_FDCWD"
	}
	return integer(c, v)
}

// id is a uid or gid; -1 leaves it as it is.
func id(_ Call, v uint64) string {
	if uint32(v) == ^uint32(0) {
		return "-1"
	}
	return strconv.FormatUint(uint64(uint32(v)), 10)
}

// signal is "SIGKILL", "SIGRTMIN+3", or "0", which sends none.
func signal(_ Call, v uint64) string { return signalName(uint32(v)) }

func signalName(n uint32) string {
	const realTimeMin, realTimeMax = 32, 64 // of the kernel; libc keeps the first two or three to itself
	if name := unix.SignalName(unix.Signal(n)); name != "" && n < realTimeMin {
		return name
	}
	switch {
	case n == realTimeMin:
		return "SIGRTMIN"
	case n > realTimeMin && n <= realTimeMax:
		return fmt.Sprintf("SIGRTMIN+%d", n-realTimeMin)
	}
	return strconv.FormatUint(uint64(n), 10)
}

// milliseconds is the time-out of poll and epoll_wait.
func milliseconds(_ Call, v uint64) string {
	ms := int32(uint32(v))
	if ms < 0 {
		return "infinite"
	}
	return fmt.Sprintf("%d ms", ms)
}
