package dbusapi

import (
	"math"
	"time"

	"github.com/syscountd/syscountd/agent"
)

// maxUsec is the longest time that a time.Duration holds, in microseconds.
const maxUsec = math.MaxInt64 / uint64(time.Microsecond)

// fromUsec converts a threshold from the bus. Zero, which would make every call
// slow, and what a time.Duration cannot hold are agent.ErrInvalid.
func fromUsec(usec uint64) (time.Duration, error) {
	if usec < 1 || usec > maxUsec {
		return 0, refuse(agent.ErrInvalid, "a threshold of %d usec is impossible; give 1 to %d", usec, maxUsec)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// toUsec converts a threshold for the bus. Below one microsecond, and what is not
// a whole number of them, is agent.ErrInvalid: nothing is rounded silently.
func toUsec(d time.Duration) (uint64, error) {
	if d < time.Microsecond {
		return 0, refuse(agent.ErrInvalid, "a threshold of %v is impossible; give 1us or more", d)
	}
	if d%time.Microsecond != 0 {
		return 0, refuse(agent.ErrInvalid, "a threshold of %v is too fine; give whole microseconds", d)
	}
	return uint64(d / time.Microsecond), nil
}

// usec is a duration for show; negative ones, which nothing here makes, are 0.
func usec(d time.Duration) uint64 {
	return uint64(max(d, 0) / time.Microsecond)
}
