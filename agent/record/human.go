package record

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	microsecond = 1_000
	millisecond = 1_000 * microsecond
	second      = 1_000 * millisecond
	minute      = 60 * second
	hour        = 60 * minute
	day         = 24 * hour
)

// Human gives a duration in nanoseconds to a reader: rounded to the number of
// significant digits (1 to 9) below ten minutes ("3.904 s", "41.2 ms", "12 us"),
// to seconds or minutes above ("16 min 40 s", "2 d 3 h 4 min").
func Human(ns uint64, digits int) string {
	// The rounding comes before the choice of the unit: 999.96 ms is "1 s".
	r := round(ns, digits)
	switch {
	case r < microsecond:
		return fmt.Sprintf("%d ns", r)
	case r < millisecond:
		return decimal(r, microsecond) + " us"
	case r < second:
		return decimal(r, millisecond) + " ms"
	case r < 10*minute:
		return decimal(r, second) + " s"
	case ns < day:
		return parts((ns+second/2)/second*second, hour, minute, second)
	}
	return parts(ns, day, hour, minute)
}

// round rounds half up to significant digits. What cannot be rounded up within
// 64 bits is cut off.
func round(n uint64, digits int) uint64 {
	unit := uint64(1)
	for n/unit >= pow10(digits) {
		unit *= 10
	}
	down := n / unit * unit
	if up := down + unit; n-down >= unit-unit/2 && unit > 1 && up > down {
		return up
	}
	return down
}

func pow10(digits int) uint64 {
	n := uint64(1)
	for range digits {
		n *= 10
	}
	return n
}

func decimal(n, unit uint64) string {
	return strconv.FormatFloat(float64(n)/float64(unit), 'f', -1, 64)
}

// parts writes a long duration in the units given, without those at zero.
func parts(ns uint64, units ...uint64) string {
	names := map[uint64]string{day: "d", hour: "h", minute: "min", second: "s"}
	var out []string
	for _, unit := range units {
		if n := ns / unit; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, names[unit]))
		}
		ns %= unit
	}
	return strings.Join(out, " ")
}
