package decode

import (
	"strconv"
	"strings"
)

// bit is a flag, or several that have a name together.
type bit struct {
	mask uint64
	name string
}

// bits gives flags as "O_RDWR|O_CLOEXEC|0x40"; "0" when none is set. A name
// of several bits must come before its parts.
func bits(known ...bit) text {
	return func(_ Call, v uint64) string { return joinBits(uint64(uint32(v)), known) }
}

func joinBits(v uint64, known []bit) string {
	var set []string
	for _, b := range known {
		if b.mask != 0 && v&b.mask == b.mask {
			set = append(set, b.name)
			v &^= b.mask
		}
	}
	if v != 0 || len(set) == 0 {
		set = append(set, number(v))
	}
	return strings.Join(set, "|")
}

// number is small as a decimal, "0x.." otherwise.
func number(v uint64) string {
	if v < 10 {
		return strconv.FormatUint(v, 10)
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// enum gives the name of an int, or its number.
func enum(names map[uint64]string) text {
	return func(c Call, v uint64) string {
		if name := names[uint64(uint32(v))]; name != "" {
			return name
		}
		return integer(c, v)
	}
}

// ordered is an enum that counts from zero.
func ordered(names ...string) text {
	return func(c Call, v uint64) string {
		if n := uint32(v); n < uint32(len(names)) && names[n] != "" {
			return names[n]
		}
		return integer(c, v)
	}
}

// enumAnd is an enum in the low bits, with flags above: a socket's type.
func enumAnd(mask uint64, names map[uint64]string, known ...bit) text {
	return func(c Call, v uint64) string {
		low, high := v&mask, uint64(uint32(v))&^mask
		name := names[low]
		if name == "" {
			name = number(low)
		}
		if high == 0 {
			return name
		}
		return name + "|" + joinBits(high, known)
	}
}
