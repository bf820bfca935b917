package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time of a process: user and system, of all its threads,
// those that have ended too. The clock is that of clock_getcpuclockid(3), which
// the kernel keeps in nanoseconds at each switch; the figures of /proc/PID/stat
// come in steps of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED, include/linux/posix-timers_types.h
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &used); err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// resident is what a process has in memory.
type resident struct{ now, peak uint64 } // bytes

// residentMemory reads /proc/PID/status.
func residentMemory(pid int) (resident, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return resident{}, fmt.Errorf("read the memory of a process: %w", err)
	}
	now, hasNow := field(string(text), "VmRSS:")
	peak, hasPeak := field(string(text), "VmHWM:")
	if !hasNow || !hasPeak {
		return resident{}, fmt.Errorf("process %d has no memory", pid)
	}
	return resident{now << 10, peak << 10}, nil // kB
}

// mapMemory is the kernel memory of the BPF maps that a process has open, as the
// kernel counts it; since Linux 6.4 with the entries that are in use now.
func mapMemory(pid int) uint64 {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	maps := make(map[uint64]uint64)
	for _, path := range paths {
		text := readText(path)
		id, isMap := field(text, "map_id:")
		bytes, _ := field(text, "memlock:")
		if isMap {
			maps[id] = bytes // once, however many descriptors it has
		}
	}
	var sum uint64
	for _, bytes := range maps {
		sum += bytes
	}
	return sum
}

// field is the number that follows name at the beginning of a line.
func field(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseUint(firstFields(value, 1), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
