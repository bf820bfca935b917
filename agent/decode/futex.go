package decode

// Of include/uapi/linux/futex.h; x/sys does not have them.
const (
	futexWait          = 0
	futexLockPI        = 6
	futexWaitBitset    = 9
	futexWakeBitset    = 10
	futexWaitRequeuePI = 11
	futexLockPI2       = 13

	futexPrivate  = 0x80
	futexRealtime = 0x100
	futexCommand  = ^uint32(futexPrivate | futexRealtime)
)

var futexNames = [...]string{
	"FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP", "FUTEX_LOCK_PI",
	"FUTEX_UNLOCK_PI", "FUTEX_TRYLOCK_PI", "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET", "FUTEX_WAIT_REQUEUE_PI",
	"FUTEX_CMP_REQUEUE_PI", "FUTEX_LOCK_PI2",
}

// futexOp is as strace writes it: "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME".
func futexOp(_ Call, v uint64) string {
	op := uint32(v)
	command := op & futexCommand
	if command >= uint32(len(futexNames)) {
		return number(uint64(op))
	}
	name := futexNames[command]
	if op&futexPrivate != 0 {
		name += "_PRIVATE"
	}
	if op&futexRealtime != 0 {
		name += "|FUTEX_CLOCK_REALTIME"
	}
	return name
}

// futexBitset is the mask of a wait or wake by bitset.
func futexBitset(c Call, v uint64) string {
	switch uint32(c.Args[1]) & futexCommand {
	case futexWaitBitset, futexWakeBitset:
		if uint32(v) == ^uint32(0) {
			return "any"
		}
		return hex(c, uint64(uint32(v)))
	}
	return ""
}

// futex2Flags are those of futex_wait and its sisters: the low two bits are the
// size of the futex.
func futex2Flags(_ Call, v uint64) string {
	sizes := [...]string{"FUTEX2_SIZE_U8", "FUTEX2_SIZE_U16", "FUTEX2_SIZE_U32", "FUTEX2_SIZE_U64"}
	text := sizes[v&3]
	if rest := uint64(uint32(v)) &^ 3; rest != 0 {
		text += "|" + joinBits(rest, []bit{{0x80, "FUTEX2_PRIVATE"}, {4, "FUTEX2_NUMA"}, {8, "FUTEX2_MPOL"}})
	}
	return text
}
