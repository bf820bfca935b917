package decode

import (
	"fmt"
	"slices"
	"strings"
)

var (
	// addressResults are the calls that give an address.
	addressResults = strings.Fields("brk mmap mmap2 mremap shmat")

	// waits are the calls that give 0 when their time is up.
	waits = strings.Fields("_newselect epoll_pwait epoll_pwait2 epoll_wait poll ppoll ppoll_time64 pselect6 pselect6_time64 select")

	// reads and writes move as many bytes as asked for, or fewer; 0 from a read is
	// the end. The count is their argument 2, but for copies.
	reads  = strings.Fields("pread64 read")
	writes = strings.Fields("pwrite64 write")
	copies = map[string]int{"copy_file_range": 4, "sendfile": 3, "sendfile64": 3, "splice": 4, "tee": 2}
)

// Result says what a result means where the number alone does not tell: "timed
// out", "short: 512 of 4096 bytes", "O_RDWR". It is "" otherwise, and for a call
// that failed.
func Result(c Call, ret int64) string {
	failed := ret < 0 && ret >= -4095
	switch name := c.Name; {
	case failed:
		return ""
	case slices.Contains(addressResults, name):
		return fmt.Sprintf("%#x", uint64(ret))
	case slices.Contains(waits, name) && ret == 0:
		return "timed out"
	case slices.Contains(reads, name):
		return moved(ret, c.arg(2), "end of file")
	case slices.Contains(writes, name):
		return moved(ret, c.arg(2), "")
	case copies[name] != 0:
		return moved(ret, c.arg(copies[name]), "end of file")
	case name == "fcntl" || name == "fcntl64":
		return fcntlResult(c, ret)
	case (name == "wait4" || name == "waitpid") && ret == 0:
		return "no child has changed"
	}
	return ""
}

func moved(ret int64, asked uint64, none string) string {
	switch {
	case asked == 0 || uint64(ret) >= asked:
		return ""
	case ret == 0 && none != "":
		return none
	}
	return fmt.Sprintf("short: %d of %d bytes", ret, asked)
}

func fcntlResult(c Call, ret int64) string {
	switch fcntlNames[uint64(uint32(c.Args[1]))] {
	case "F_GETFL":
		return openFlags(c, uint64(ret))
	case "F_GETFD":
		return fdFlags(c, uint64(ret))
	case "F_GETLEASE":
		return leases(c, uint64(ret))
	case "F_GETSIG":
		return signal(c, uint64(ret))
	case "F_GET_SEALS":
		return seals(c, uint64(ret))
	}
	return ""
}
