package decode

import (
	"math"
	"strings"
	"time"
)

// Kind is the form in which a call holds its time-out.
type Kind uint8

// The forms. A pointer that is NULL means: no time-out.
const (
	NoTimeout    Kind = iota
	Milliseconds      // an int in the register; negative means: none
	Timespec          // pointer to two int64, seconds and nanoseconds
	Timespec32        // pointer to two int32
	Timeval           // pointer to two int64, seconds and microseconds
	Timeval32         // pointer to two int32
)

// Place says where a call has its time-out, by its name alone: what the kernel
// side has to know.
type Place struct {
	Arg  int // which argument
	Kind Kind
	// Overwritten: the kernel writes the time that is left over it when the call
	// ends, so it must be read before.
	Overwritten bool
}

// places is for 64-bit ABIs. In a 32-bit one a time is of 32 bits, unless the
// name says otherwise.
var places = map[string]Place{
	"poll":            {Arg: 2, Kind: Milliseconds},
	"epoll_wait":      {Arg: 3, Kind: Milliseconds},
	"epoll_pwait":     {Arg: 3, Kind: Milliseconds},
	"epoll_pwait2":    {Arg: 3, Kind: Timespec},
	"ppoll":           {Arg: 2, Kind: Timespec, Overwritten: true},
	"select":          {Arg: 4, Kind: Timeval, Overwritten: true},
	"_newselect":      {Arg: 4, Kind: Timeval, Overwritten: true},
	"pselect6":        {Arg: 4, Kind: Timespec, Overwritten: true},
	"nanosleep":       {Arg: 0, Kind: Timespec},
	"clock_nanosleep": {Arg: 2, Kind: Timespec},
	"futex":           {Arg: 3, Kind: Timespec},
	"futex_wait":      {Arg: 4, Kind: Timespec},
	"futex_waitv":     {Arg: 3, Kind: Timespec},
	"recvmmsg":        {Arg: 4, Kind: Timespec, Overwritten: true},
	"semtimedop":      {Arg: 3, Kind: Timespec},
	"rt_sigtimedwait": {Arg: 2, Kind: Timespec},
	"io_getevents":    {Arg: 4, Kind: Timespec},
	"io_pgetevents":   {Arg: 4, Kind: Timespec},
	"mq_timedsend":    {Arg: 4, Kind: Timespec},
	"mq_timedreceive": {Arg: 4, Kind: Timespec},
}

// always64 are the pointers to a struct __kernel_timespec in every ABI: they
// came after the 32-bit ones had been given up.
var always64 = map[string]bool{"epoll_pwait2": true, "futex_wait": true, "futex_waitv": true}

const time64 = "_time64"

// TimeoutPlace gives the place of a call's time-out; false for a call that has none.
func TimeoutPlace(name string, compat bool) (Place, bool) {
	base, is64 := strings.CutSuffix(name, time64)
	place, found := places[base]
	if !found || is64 && place.Kind != Timespec || compat && name == "select" { // i386's old select has one pointer to all
		return Place{}, false
	}
	if compat && !is64 && !always64[name] {
		switch place.Kind {
		case Timespec:
			place.Kind = Timespec32
		case Timeval:
			place.Kind = Timeval32
		}
	}
	return place, true
}

// TakesTimeout says whether a call of that name has a time-out in some ABI that is
// still there when the call ends.
func TakesTimeout(name string) bool {
	place, found := TimeoutPlace(name, false)
	return found && !place.Overwritten
}

// Base is what a time-out counts from.
type Base uint8

// The bases. All but Relative are the time of a clock at which the wait is over.
const (
	NoBase Base = iota // this call has no time-out, whatever the register holds
	Relative
	Monotonic
	Realtime
	Boottime
	OtherClock // CPU time and the like: says nothing about duration
)

// TimeoutBase says what the time-out of this call counts from: with many, their
// flags decide. It does not know whether the pointer is NULL.
func TimeoutBase(c Call) Base {
	if _, has := TimeoutPlace(c.Name, c.Compat); !has {
		return NoBase
	}
	switch strings.TrimSuffix(c.Name, time64) {
	case "clock_nanosleep":
		if c.Args[1]&timerAbstime != 0 {
			return clockBase(c.Args[0])
		}
		if base := clockBase(c.Args[0]); base == OtherClock {
			return OtherClock
		}
	case "futex":
		return futexBase(uint32(c.Args[1]))
	case "futex_wait":
		return clockBase(c.Args[5])
	case "futex_waitv":
		return clockBase(c.Args[4])
	case "mq_timedsend", "mq_timedreceive":
		return Realtime
	}
	return Relative
}

func futexBase(op uint32) Base {
	switch op & futexCommand {
	case futexWait:
		return Relative
	case futexLockPI:
		return Realtime
	case futexWaitBitset, futexWaitRequeuePI, futexLockPI2:
		if op&futexRealtime != 0 {
			return Realtime
		}
		return Monotonic
	}
	return NoBase // the register is a second value, or nothing
}

func clockBase(clockID uint64) Base {
	switch uint32(clockID) {
	case 0, 8: // CLOCK_REALTIME, its _ALARM
		return Realtime
	case 1:
		return Monotonic
	case 7, 9: // CLOCK_BOOTTIME, its _ALARM
		return Boottime
	}
	return OtherClock
}

// RegisterTimeout is the time-out of a call that has it in a register; false
// when it has none, there or at all.
func RegisterTimeout(c Call) (time.Duration, bool) {
	place, found := TimeoutPlace(c.Name, c.Compat)
	if !found || place.Kind != Milliseconds {
		return 0, false
	}
	ms := int32(uint32(c.Args[place.Arg]))
	return time.Duration(ms) * time.Millisecond, ms >= 0
}

// PointerTimeout makes one of the two numbers that a pointer's time-out consists
// of. It is false for what the kernel would have refused. More than 292 years are
// the longest time that there is.
func PointerTimeout(kind Kind, sec, fraction int64) (time.Duration, bool) {
	unit := time.Nanosecond
	if kind == Timeval || kind == Timeval32 {
		unit = time.Microsecond
	}
	// select takes a million microseconds and more for seconds; the others refuse it.
	if sec < 0 || fraction < 0 || unit == time.Nanosecond && fraction >= int64(time.Second) {
		return 0, false
	}
	if fraction > math.MaxInt64/int64(unit) {
		return math.MaxInt64, true
	}
	rest := time.Duration(fraction) * unit
	if sec > int64((math.MaxInt64-rest)/time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(sec)*time.Second + rest, true
}

// Until turns an absolute time-out into a relative one: begin is when the call
// began, on the same clock. One that had passed by then is 0.
func Until(deadline, begin time.Duration) time.Duration {
	if deadline <= begin {
		return 0
	}
	if left := deadline - begin; left > 0 {
		return left
	}
	return math.MaxInt64 // overflow
}

// Overshoot is the time beyond what a call had asked for: 0 when it ended in
// time.
func Overshoot(timeout, duration time.Duration) time.Duration {
	return max(max(duration, 0)-max(timeout, 0), 0)
}
