package agent

import (
	"time"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// lookOf tells the kernel side what to look at in a slow call.
func lookOf(sc bpf.Syscall) bpf.Look {
	name, compat := syscalls.Name(sc), isCompat(sc)
	var look bpf.Look
	for i, arg := range decode.PathArgs(name, compat) {
		if i < len(look.Text) {
			look.Text[i] = uint8(arg + 1)
		}
	}
	if arg, ok := toArgs[name]; ok {
		look.FD = uint8(arg + 1)
	}
	// What is overwritten by the end of the call says nothing any more.
	if place, ok := decode.TimeoutPlace(name, compat); ok && place.Kind != decode.Milliseconds && !place.Overwritten {
		look.Timeout = uint8(place.Arg + 1)
	}
	return look
}

// isCompat: an ABI with registers of 32 bits.
func isCompat(sc bpf.Syscall) bool { return sc.ABI == bpf.ABIi386 || sc.ABI == bpf.ABIarm }

func decodeCall(call *bpf.SlowCall) decode.Call {
	c := decode.Call{Name: syscalls.Name(call.Syscall), Compat: isCompat(call.Syscall)}
	copy(c.Args[:], call.Args)
	return c
}

// details are the arguments in words; nil where the numbers tell as much.
func details(call *bpf.SlowCall) map[string]string {
	if len(call.Args) == 0 {
		return nil
	}
	var details map[string]string
	add := func(name, text string) {
		if details == nil {
			details = map[string]string{}
		}
		details[name] = text
	}
	c := decodeCall(call)
	for _, arg := range decode.Args(c) {
		add(arg.Name, arg.Text)
	}
	if !call.Stuck {
		if result := decode.Result(c, call.Ret); result != "" {
			add("result", result)
		}
	}
	return details
}

// timing compares a call with the time-out that it was given.
func (a *Agent) timing(call *bpf.SlowCall) record.Timing {
	timeout, ok := a.timeout(call)
	if !ok {
		return record.Timing{}
	}
	over := decode.Overshoot(timeout, time.Duration(call.DurationNs()))
	return record.Timing{TimeoutNs: uint64(timeout), OvershootNs: uint64(over)}
}

func (a *Agent) timeout(call *bpf.SlowCall) (time.Duration, bool) {
	c := decodeCall(call)
	if timeout, ok := decode.RegisterTimeout(c); ok && len(call.Args) > 0 {
		return timeout, true
	}
	place, ok := decode.TimeoutPlace(c.Name, c.Compat)
	if !ok || len(call.Timeout) != 2 {
		return 0, false
	}
	sec, fraction := int64(call.Timeout[0]), int64(call.Timeout[1])
	if place.Kind == decode.Timespec32 || place.Kind == decode.Timeval32 {
		sec, fraction = int64(int32(uint32(call.Timeout[0]))), int64(int32(uint32(call.Timeout[0]>>32)))
	}
	timeout, ok := decode.PointerTimeout(place.Kind, sec, fraction)
	if !ok {
		return 0, false
	}
	switch decode.TimeoutBase(c) {
	case decode.Relative:
		return timeout, true
	case decode.Monotonic:
		return decode.Until(timeout, time.Duration(call.StartNs)), true
	case decode.Realtime:
		return decode.Until(timeout, time.Duration(a.wall(call.StartNs).UnixNano())), true
	}
	return 0, false
}
