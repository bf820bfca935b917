package dbusapi

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent"
)

func TestMicrosecondsAreConvertedOrRefused(t *testing.T) {
	for in, want := range map[uint64]time.Duration{
		1: time.Microsecond, 20000: 20 * time.Millisecond, 9223372036854775: 9223372036854775 * time.Microsecond,
		0: 0, 9223372036854776: 0, math.MaxUint64: 0,
	} {
		got, err := fromUsec(in)
		if got != want || errors.Is(err, agent.ErrInvalid) != (want == 0) {
			t.Errorf("fromUsec(%d) = %v, %v; want %v", in, got, err, want)
		}
	}
	for in, want := range map[time.Duration]uint64{
		time.Microsecond: 1, 20 * time.Millisecond: 20000, math.MaxInt64 / 1000 * 1000: 9223372036854775,
		0: 0, -time.Second: 0, 999: 0, 1001: 0, math.MinInt64: 0, math.MaxInt64: 0,
	} {
		got, err := toUsec(in)
		if got != want || errors.Is(err, agent.ErrInvalid) != (want == 0) {
			t.Errorf("toUsec(%v) = %d, %v; want %d", in, got, err, want)
		}
	}
}
