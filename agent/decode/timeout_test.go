package decode

import (
	"math"
	"testing"
	"time"
)

func TestTimeoutPlace(t *testing.T) {
	tests := []struct {
		name   string
		compat bool
		want   Place
	}{
		{"poll", false, Place{Arg: 2, Kind: Milliseconds}},
		{"poll", true, Place{Arg: 2, Kind: Milliseconds}},
		{"epoll_pwait", false, Place{Arg: 3, Kind: Milliseconds}},
		{"epoll_pwait2", true, Place{Arg: 3, Kind: Timespec}},
		{"nanosleep", false, Place{Arg: 0, Kind: Timespec}},
		{"nanosleep", true, Place{Arg: 0, Kind: Timespec32}},
		{"clock_nanosleep", false, Place{Arg: 2, Kind: Timespec}},
		{"clock_nanosleep_time64", true, Place{Arg: 2, Kind: Timespec}},
		{"select", false, Place{Arg: 4, Kind: Timeval, Overwritten: true}},
		{"select", true, Place{}},
		{"_newselect", true, Place{Arg: 4, Kind: Timeval32, Overwritten: true}},
		{"pselect6", false, Place{Arg: 4, Kind: Timespec, Overwritten: true}},
		{"futex", true, Place{Arg: 3, Kind: Timespec32}},
		{"futex_time64", true, Place{Arg: 3, Kind: Timespec}},
		{"mq_timedreceive", false, Place{Arg: 4, Kind: Timespec}},
		{"poll_time64", true, Place{}},
		{"read", false, Place{}},
		{"", false, Place{}},
	}
	for _, tt := range tests {
		got, found := TimeoutPlace(tt.name, tt.compat)
		if got != tt.want || found != (tt.want != Place{}) {
			t.Errorf("%s, compat %v: %+v, %v", tt.name, tt.compat, got, found)
		}
	}
}

func TestTimeoutBase(t *testing.T) {
	tests := []struct {
		name string
		args [6]uint64
		want Base
	}{
		{"read", [6]uint64{}, NoBase},
		{"poll", [6]uint64{}, Relative},
		{"nanosleep", [6]uint64{}, Relative},
		{"clock_nanosleep", [6]uint64{1, 0}, Relative},
		{"clock_nanosleep", [6]uint64{1, 1}, Monotonic},
		{"clock_nanosleep", [6]uint64{0, 1}, Realtime},
		{"clock_nanosleep", [6]uint64{7, 1}, Boottime},
		{"clock_nanosleep", [6]uint64{2, 0}, OtherClock}, // of CPU time
		{"futex", [6]uint64{1, 0x80}, Relative},
		{"futex", [6]uint64{1, 0x81}, NoBase}, // a wake
		{"futex", [6]uint64{1, 0x83}, NoBase}, // a requeue: its argument 3 is a number
		{"futex", [6]uint64{1, 0x89}, Monotonic},
		{"futex", [6]uint64{1, 0x189}, Realtime},
		{"futex", [6]uint64{1, 0x86}, Realtime},
		{"futex_time64", [6]uint64{1, 0x8d}, Monotonic},
		{"futex_wait", [6]uint64{0, 0, 0, 0, 0, 1}, Monotonic},
		{"futex_waitv", [6]uint64{0, 0, 0, 0, 0, 1}, Realtime},
		{"mq_timedsend", [6]uint64{}, Realtime},
	}
	for _, tt := range tests {
		if got := TimeoutBase(Call{Name: tt.name, Args: tt.args}); got != tt.want {
			t.Errorf("%s(%#x): %v, want %v", tt.name, tt.args, got, tt.want)
		}
	}
}

func TestRegisterTimeout(t *testing.T) {
	tests := []struct {
		call Call
		want time.Duration
		has  bool
	}{
		{Call{Name: "poll", Args: [6]uint64{0, 0, 250}}, 250 * time.Millisecond, true},
		{Call{Name: "epoll_wait", Args: [6]uint64{0, 0, 0, 0}}, 0, true},
		{Call{Name: "epoll_wait", Args: [6]uint64{0, 0, 0, 0xffffffff}}, -time.Millisecond, false},
		{Call{Name: "nanosleep", Args: [6]uint64{5}}, 0, false},
		{Call{Name: "read", Args: [6]uint64{5}}, 0, false},
	}
	for _, tt := range tests {
		if got, has := RegisterTimeout(tt.call); got != tt.want || has != tt.has {
			t.Errorf("%+v: %v, %v", tt.call, got, has)
		}
	}
}

func TestPointerTimeout(t *testing.T) {
	tests := []struct {
		kind          Kind
		sec, fraction int64
		want          time.Duration
		valid         bool
	}{
		{Timespec, 1, 500, time.Second + 500, true},
		{Timespec32, 0, 999999999, 999999999, true},
		{Timespec, 0, 1e9, 0, false},
		{Timespec, -1, 0, 0, false},
		{Timespec, 0, -1, 0, false},
		{Timeval, 2, 5, 2*time.Second + 5*time.Microsecond, true},
		{Timeval, 0, 3e6, 3 * time.Second, true},
		{Timeval, 0, math.MaxInt64, math.MaxInt64, true},
		{Timespec, math.MaxInt64, 0, math.MaxInt64, true},
		{Timespec, math.MaxInt64 / int64(time.Second), 999999999, math.MaxInt64, true},
	}
	for _, tt := range tests {
		if got, valid := PointerTimeout(tt.kind, tt.sec, tt.fraction); got != tt.want || valid != tt.valid {
			t.Errorf("%v %d %d: %v, %v", tt.kind, tt.sec, tt.fraction, got, valid)
		}
	}
}

func FuzzPointerTimeout(f *testing.F) {
	f.Add(uint8(Timespec), int64(1), int64(2))
	f.Fuzz(func(t *testing.T, kind uint8, sec, fraction int64) {
		if got, valid := PointerTimeout(Kind(kind), sec, fraction); got < 0 || !valid && got != 0 || valid && sec > 0 && got < time.Second {
			t.Errorf("%v, %v", got, valid)
		}
	})
}

func TestUntil(t *testing.T) {
	tests := []struct{ deadline, begin, want time.Duration }{
		{10, 4, 6}, {4, 10, 0}, {4, 4, 0}, {math.MaxInt64, -5, math.MaxInt64}, {math.MinInt64, 5, 0},
	}
	for _, tt := range tests {
		if got := Until(tt.deadline, tt.begin); got != tt.want {
			t.Errorf("until %d from %d: %d", tt.deadline, tt.begin, got)
		}
	}
}

func TestOvershoot(t *testing.T) {
	tests := []struct{ timeout, duration, want time.Duration }{
		{10, 12, 2}, {10, 9, 0}, {10, 10, 0}, {0, 5, 5}, {-3, 5, 5}, {5, -3, 0}, {math.MaxInt64, 5, 0}, {0, math.MaxInt64, math.MaxInt64},
	}
	for _, tt := range tests {
		if got := Overshoot(tt.timeout, tt.duration); got != tt.want {
			t.Errorf("%d of %d: %d", tt.duration, tt.timeout, got)
		}
	}
}
