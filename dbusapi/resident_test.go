package dbusapi

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// The race detector's runtime knows the heap at this place only, so Go puts it there
// under -race (runtime.mallocinit).
const raceHeap, raceHeapEnd = 0xc000000000, 0xe000000000

// resident is the resident set of this process, and what of it is the service's, in
// bytes. The two differ under -race only, whose runtime gives some 280 bytes of each goroutine
// that was ever started never back, of an empty one too (compare golang/go#63276). godbus starts
// one for each call: that is 100 MiB and more in ten minutes. Without it there are the heap, and
// what Go's runtime has beside the heap; nothing of ours is in C.
func resident(t *testing.T) (whole, ours int64) {
	t.Helper()
	debug.FreeOSMemory() // what is garbage is no leak
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inHeap := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uint64
		var kib int64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inHeap = from >= raceHeap && to <= raceHeapEnd
		} else if n, _ := fmt.Sscanf(line, "Rss: %d", &kib); n == 1 {
			whole += kib << 10
			if inHeap {
				ours += kib << 10
			}
		}
	}
	if !underRace() {
		return whole, whole
	}
	if ours == 0 {
		t.Fatalf("no heap at %x", raceHeap)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return whole, ours + int64(m.Sys-m.HeapSys)
}

// underRace says whether the race detector is in this test.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
