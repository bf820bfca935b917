package main

import "fmt"

// statmResident is the resident size in pages, the second number of
// /proc/PID/statm; 0 if the text is none.
func statmResident(text string) uint64 {
	var size, resident uint64
	if n, err := fmt.Sscan(text, &size, &resident); n != 2 || err != nil {
		return 0
	}
	return resident
}
