package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinThread lets the thread tid (0: the calling one) run on these CPUs only.
func pinThread(tid int, cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(tid, &set); err != nil {
		return fmt.Errorf("pin thread to CPUs %v: %w", cpus, err)
	}
	return nil
}

// pinSelf does so for all threads of this process, and thereby for what is
// started from now on.
func pinSelf(cpus []int) error { return pinProcess(os.Getpid(), cpus) }

// pinProcess does so for all threads of a process. It goes round until it meets no new
// thread: one that was made meanwhile may have its maker's old mask.
func pinProcess(pid int, cpus []int) error {
	done := make(map[int]bool)
	for fresh := true; fresh; {
		fresh = false
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		for _, thread := range threads {
			tid, err := strconv.Atoi(thread.Name())
			if err != nil || done[tid] {
				continue
			}
			if err := pinThread(tid, cpus); err != nil && !errors.Is(err, unix.ESRCH) { // ended meanwhile
				return err
			}
			done[tid], fresh = true, true
		}
	}
	return nil
}

// allowedCPUs are those that this process may run on, in order.
func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read own CPU affinity: %w", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// split gives the load a CPU of its own, the last one or the wanted one, and
// everything else the others. With one CPU they have to share it.
func split(cpus []int, want int) (load int, others []int, err error) {
	load = cpus[len(cpus)-1]
	if want >= 0 {
		load = want
	}
	found := false
	for _, cpu := range cpus {
		if cpu == load {
			found = true
			continue
		}
		others = append(others, cpu)
	}
	if !found {
		return 0, nil, fmt.Errorf("-cpu %d: must be one of the CPUs %v", want, cpus)
	}
	if len(others) == 0 {
		others = []int{load}
	}
	return load, others, nil
}
