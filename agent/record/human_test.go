package record

import (
	"math"
	"testing"
)

func TestHuman(t *testing.T) {
	tests := []struct {
		ns     uint64
		digits int
		want   string
	}{
		{0, 4, "0 ns"},
		{1, 4, "1 ns"},
		{999, 4, "999 ns"},
		{999, 2, "1 us"},
		{1000, 4, "1 us"},
		{12300, 2, "12 us"},
		{12345, 3, "12.3 us"},
		{12350, 3, "12.4 us"}, // half up
		{41200311, 3, "41.2 ms"},
		{200100000, 4, "200.1 ms"},
		{999960000, 4, "1 s"}, // not 1000 ms
		{3904118204, 4, "3.904 s"},
		{60e9, 3, "60 s"},
		{599_940_000_000, 4, "599.9 s"},
		{599_960_000_000, 4, "10 min"}, // not 600 s
		{1_000_000_000_000, 4, "16 min 40 s"},
		{3600e9, 4, "1 h"},
		{3661e9, 4, "1 h 1 min 1 s"},
		{86_400e9, 4, "1 d"},
		{183_840e9 + 59e9, 4, "2 d 3 h 4 min"},
		{math.MaxUint64, 4, "213503 d 23 h 34 min"},
		{math.MaxUint64, 9, "213503 d 23 h 34 min"},
	}
	for _, tt := range tests {
		if got := Human(tt.ns, tt.digits); got != tt.want {
			t.Errorf("Human(%d, %d) = %q, want %q", tt.ns, tt.digits, got, tt.want)
		}
	}
}
