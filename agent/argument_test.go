package agent

import (
	"reflect"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// i386Call is a call of the 32-bit ABI by its number; see syscall_32.tbl.
func i386Call(nr int32, args ...uint64) *bpf.SlowCall {
	return &bpf.SlowCall{
		Syscall: bpf.Syscall{ABI: bpf.ABIi386, Nr: nr}, StartNs: 5e9, EndNs: 8e9, Args: append(args, make([]uint64, 6-len(args))...),
		PID: 812, TID: 813, Comm: "x",
	}
}

// All calls begin at 5 s of CLOCK_MONOTONIC, which is 1005 s of the wall clock,
// and take 3 s.
func TestOvershoot(t *testing.T) {
	a := &Agent{env: Env{Now: func() time.Time { return time.Unix(1010, 0) }, MonoNs: func() uint64 { return 10e9 }}}
	const (
		sec   = uint64(1e9)
		minus = ^uint64(0)

		wait, waitBitset, realtime, wake = 0, 9, 0x100, 1 // futex operations
	)
	pointer := uint64(0x7ffd0000)
	none := record.Timing{}
	times := func(timeout, over uint64) record.Timing { return record.Timing{TimeoutNs: timeout, OvershootNs: over} }
	tests := map[string]struct {
		call    *bpf.SlowCall
		timeout []uint64 // what the pointer led to
		want    record.Timing
	}{
		"nanosleep, late":           {callOf(t, "nanosleep", pointer), []uint64{1, 5e8}, times(1.5e9, 1.5e9)},
		"nanosleep, in time":        {callOf(t, "nanosleep", pointer), []uint64{3, 0}, times(3*sec, 0)},
		"nanosleep, interrupted":    {callOf(t, "nanosleep", pointer), []uint64{60, 0}, times(60*sec, 0)},
		"nanosleep, not readable":   {callOf(t, "nanosleep", pointer), nil, none},
		"nanosleep, absurd":         {callOf(t, "nanosleep", pointer), []uint64{1, 1e9}, none},
		"nanosleep, negative":       {callOf(t, "nanosleep", pointer), []uint64{minus, 0}, none},
		"until then":                {callOf(t, "clock_nanosleep", 1, 1, pointer), []uint64{6, 0}, times(sec, 2*sec)},
		"until then, past before":   {callOf(t, "clock_nanosleep", 1, 1, pointer), []uint64{4, 0}, times(0, 3*sec)},
		"until then, by the wall":   {callOf(t, "clock_nanosleep", 0, 1, pointer), []uint64{1007, 0}, times(2*sec, sec)},
		"until then, since boot":    {callOf(t, "clock_nanosleep", 7, 1, pointer), []uint64{6, 0}, none},
		"CPU time":                  {callOf(t, "clock_nanosleep", 2, 0, pointer), []uint64{1, 0}, none},
		"poll, late":                {callOf(t, "poll", pointer, 1, 500), nil, times(5e8, 2.5e9)},
		"poll, for ever":            {callOf(t, "poll", pointer, 1, minus), nil, none},
		"poll, 32 bits of -1":       {callOf(t, "poll", pointer, 1, 0xffffffff), nil, none},
		"epoll_wait, late":          {callOf(t, "epoll_wait", 4, pointer, 64, 1000), nil, times(sec, 2*sec)},
		"epoll_pwait2":              {callOf(t, "epoll_pwait2", 4, pointer, 64, pointer), []uint64{1, 0}, times(sec, 2*sec)},
		"futex, late":               {callOf(t, "futex", pointer, wait, 0, pointer), []uint64{0, 1e8}, times(1e8, 2.9e9)},
		"futex, for ever":           {callOf(t, "futex", pointer, wait), nil, none},
		"futex, until then":         {callOf(t, "futex", pointer, waitBitset, 0, pointer), []uint64{7, 0}, times(2*sec, sec)},
		"futex, by the wall":        {callOf(t, "futex", pointer, waitBitset|realtime, 0, pointer), []uint64{1006, 0}, times(sec, 2*sec)},
		"futex that wakes":          {callOf(t, "futex", pointer, wake, 1, pointer), []uint64{1, 0}, none},
		"no time-out at all":        {callOf(t, "fsync", 3), []uint64{1, 0}, none},
		"a call without its words":  {&bpf.SlowCall{Syscall: callOf(t, "poll").Syscall, StartNs: 5e9, EndNs: 8e9}, nil, none},
		"nanosleep of 32 bits":      {i386Call(162, pointer), []uint64{5e8<<32 | 1, 0}, times(1.5e9, 1.5e9)},
		"nanosleep, 32 bits of -1":  {i386Call(162, pointer), []uint64{0xffffffff, 0}, none},
		"clock_nanosleep_time64":    {i386Call(407, 1, 0, pointer), []uint64{1, 0}, times(sec, 2*sec)},
		"poll of 32 bits":           {i386Call(168, pointer, 1, 500), nil, times(5e8, 2.5e9)},
		"longer than there is time": {callOf(t, "nanosleep", pointer), []uint64{1 << 62, 0}, times(1<<63-1, 0)},
	}
	for name, tt := range tests {
		tt.call.Timeout = tt.timeout
		if got := a.timing(tt.call); got != tt.want {
			t.Errorf("%s (%s): %+v, want %+v", name, recordSyscall(tt.call.Syscall).Name, got, tt.want)
		}
	}
}

// The kernel side gets arguments by their number plus one.
func TestWhatTheKernelSideIsToLookAt(t *testing.T) {
	for name, want := range map[string]bpf.Look{
		"openat":          {Text: [2]uint8{2}},
		"renameat2":       {Text: [2]uint8{2, 4}},
		"sendfile":        {FD: 2},
		"copy_file_range": {FD: 3},
		"nanosleep":       {Timeout: 1},
		"futex":           {Timeout: 4},
		"poll":            {}, // in the register
		"ppoll":           {}, // overwritten with what is left of it
		"select":          {},
		"recvmmsg":        {},
		"fsync":           {},
	} {
		if got := lookOf(callOf(t, name).Syscall); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if place, ok := decode.TimeoutPlace("ppoll", false); !ok || !place.Overwritten {
		t.Error("the test says nothing: ppoll's time-out is not overwritten")
	}
}

func TestDetails(t *testing.T) {
	timedOut := callOf(t, "poll", 1, 2, 500)
	open := callOf(t, "poll", 1, 2, 500)
	open.Stuck = true
	short := callOf(t, "read", 3, 0, 4096)
	short.Ret = 512
	failed := callOf(t, "openat", ^uint64(99), 0, 2, 0)
	failed.Ret = -2
	for name, tt := range map[string]struct {
		call *bpf.SlowCall
		want map[string]string
	}{
		"timed out":         {timedOut, map[string]string{"nfds": "2", "timeout": "500 ms", "result": "timed out"}},
		"has no result yet": {open, map[string]string{"nfds": "2", "timeout": "500 ms"}},
		"short":             {short, map[string]string{"count": "4096", "result": "short: 512 of 4096 bytes"}},
		"failed":            {failed, map[string]string{"dirfd": "AT_FDCWD", "flags": "O_RDWR"}},
		"futex":             {callOf(t, "futex", 0x10, 0x80, 1), map[string]string{"uaddr": "0x10", "futex_op": "FUTEX_WAIT_PRIVATE", "val": "1"}},
		"nothing to say":    {callOf(t, "getppid"), nil},
		"no arguments":      {&bpf.SlowCall{Syscall: short.Syscall, Ret: 512}, nil},
	} {
		if got := details(tt.call); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestDetailsAndOvershootAreInTheRecord(t *testing.T) {
	r := runHanging(t, quiet+"[[rule]]\nname = \"polls\"\nsyscalls = [\"poll\"]\nthreshold = \"1s\"\n")
	call := callOf(t, "poll", 1, 2, 500)
	call.StartNs, call.EndNs = r.mono()-3e9, r.mono()
	r.kernel().hang(&bpf.SlowCall{Syscall: call.Syscall, StartNs: r.mono() - 20e9, Args: call.Args, PID: 812, TID: 814, Comm: "x"})
	r.returns(call)
	r.sweepNow()
	records := r.written()
	slow, stuck := only[*record.Slow](records), only[*record.Stuck](records)
	if len(slow) != 1 || len(stuck) != 1 {
		t.Fatalf("%d slow and %d stuck records", len(slow), len(stuck))
	}
	if s := slow[0]; s.TimeoutNs != 5e8 || s.OvershootNs != 2.5e9 || s.Syscall.Details["result"] != "timed out" {
		t.Errorf("slow: %+v, %v", s.Timing, s.Syscall.Details)
	}
	if want := "poll by x (812) took 3 s (2.5 s longer than asked)"; slow[0].Msg != want {
		t.Errorf("%q, want %q", slow[0].Msg, want)
	}
	// It has not come back to say how late it is.
	if s := stuck[0]; s.TimeoutNs != 5e8 || s.OvershootNs != 0 || s.Syscall.Details["timeout"] != "500 ms" {
		t.Errorf("stuck: %+v, %v", s.Timing, s.Syscall.Details)
	}
}
