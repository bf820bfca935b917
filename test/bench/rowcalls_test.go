package main

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEmptyCallsAreOfNumbersThatNobodyHas(t *testing.T) {
	for _, test := range []struct {
		goarch string
		x32    bool
		atMost uintptr // the largest number
		known  []uintptr
		fewest int
	}{
		{"amd64", false, x32Bit + x32Numbers - 1, []uintptr{unix.SYS_READ, 60, 435}, 600},
		{"amd64", true, nativeNumbers - 1, []uintptr{0, 60, 435}, 100},
		{"arm64", false, nativeNumbers - 1, []uintptr{0, 93, 435}, 150},
	} {
		numbers := emptyCalls(test.goarch, test.x32)
		sorted := slices.Sorted(slices.Values(numbers))
		if len(numbers) < test.fewest || sorted[len(sorted)-1] != test.atMost || len(slices.Compact(sorted)) != len(numbers) {
			t.Errorf("%s, x32 %v: %d numbers up to %#x", test.goarch, test.x32, len(numbers), sorted[len(sorted)-1])
		}
		for _, nr := range test.known {
			if slices.Contains(numbers, nr) {
				t.Errorf("%s, x32 %v: number %d is a call", test.goarch, test.x32, nr)
			}
		}
	}
}

func TestThisKernelRefusesAllEmptyCalls(t *testing.T) {
	const ones = ^uintptr(0)
	for _, nr := range hostEmptyCalls() {
		if _, _, err := unix.RawSyscall6(nr, ones, ones, ones, ones, ones, ones); err == 0 {
			t.Errorf("the kernel does something at number %#x", nr)
		}
	}
}
