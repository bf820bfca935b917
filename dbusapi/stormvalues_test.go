package dbusapi

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/godbus/dbus/v5"
)

// randomTypes are up to three types of any kind.
func randomTypes(random *rand.Rand) []string {
	all := []string{"y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g", "v", "as", "au", "a{sv}", "a{st}", "(su)", "aay", "a{sas}", "ab", "av"}
	types := make([]string, random.IntN(4))
	for i := range types {
		types[i] = all[random.IntN(len(all))]
	}
	return types
}

// randomValue is a value of a type, often at a boundary. A file descriptor is that of
// the standard input.
func randomValue(random *rand.Rand, sig string) any {
	number := boundary(random)
	switch sig {
	case "y":
		return byte(number)
	case "b":
		return number%2 == 0
	case "n":
		return int16(number)
	case "q":
		return uint16(number)
	case "i":
		return int32(number)
	case "u":
		return uint32(number)
	case "x":
		return int64(number)
	case "t":
		return number
	case "d":
		return math.Float64frombits(number)
	case "h":
		return dbus.UnixFD(0)
	case "s":
		return randomText(random)
	case "o":
		return dbus.ObjectPath("/" + strings.Repeat("a", int(number%100)+1))
	case "g":
		return dbus.ParseSignatureMust(strings.Repeat("a", int(number%30)) + "s")
	case "v":
		types := []string{"s", "u", "as", "t", "a{sv}"}
		return dbus.MakeVariant(randomValue(random, types[random.IntN(len(types))]))
	case "as":
		return repeat(random, func() string { return randomText(random) })
	case "au":
		return repeat(random, func() uint32 { return uint32(boundary(random)) })
	case "ab":
		return repeat(random, func() bool { return random.IntN(2) == 0 })
	case "av":
		return repeat(random, func() dbus.Variant { return dbus.MakeVariant(randomText(random)) })
	case "aay":
		return repeat(random, func() []byte { return []byte(randomText(random)) })
	case "(su)":
		return struct {
			S string
			U uint32
		}{randomText(random), uint32(number)}
	case "a{sv}":
		keys := []string{"", randomText(random)}
		for _, key := range filterKeys {
			keys = append(keys, key.name)
		}
		d := dict{}
		for range random.IntN(4) {
			types := []string{"au", "as", "s", "u", "v", "b"}
			d[keys[random.IntN(len(keys))]] = dbus.MakeVariant(randomValue(random, types[random.IntN(len(types))]))
		}
		return d
	case "a{st}":
		return map[string]uint64{randomText(random): number}
	case "a{sas}":
		return map[string][]string{randomText(random): {randomText(random)}}
	}
	panic("the storm knows no values of type " + sig)
}

func repeat[T any](random *rand.Rand, one func() T) []T {
	list := make([]T, random.IntN(20))
	for i := range list {
		list[i] = one()
	}
	return list
}

func boundary(random *rand.Rand) uint64 {
	values := []uint64{0, 1, 2, 127, 128, 255, 256, 65535, 4194304, 4194305, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32,
		maxUsec, maxUsec + 1, math.MaxInt64, math.MaxUint64}
	if random.IntN(3) == 0 {
		return random.Uint64()
	}
	return values[random.IntN(len(values))]
}

func randomText(random *rand.Rand) string {
	texts := []string{"", "fsync", "@sync", "nginx.service", "count", "/", Interface, "State", "LogLevel", logControlInterface,
		"\u202e\x1b[31m\n", strings.Repeat("ä", 300), "../../etc", "%s%n", strings.Repeat("x", 70000)}
	return texts[random.IntN(len(texts))]
}
