package bpf

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// running attaches; the filter is in force before the first call is seen.
func running(t *testing.T, opts Options, f Filter) *Tracer {
	t.Helper()
	tracer := shared.borrow(t, opts)
	if targets := len(f.PIDFDs) + len(f.CgroupNames) + len(f.CgroupIDs) + len(f.Users) + len(f.Comms); targets == 0 {
		shared.spoilt[tracer] = true
	}
	all := func(Syscall) Setting { return Setting{Traits: TraitObserved, ThresholdNs: Never} }
	if err := errors.Join(tracer.SetSyscalls(all), tracer.SetFilter(f), tracer.Attach()); err != nil {
		t.Fatal(err)
	}
	return tracer
}

// pidfd holds a child for a filter.
func pidfd(t *testing.T, child *bpftest.Child) int {
	t.Helper()
	fd, err := unix.PidfdOpen(child.PID(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// sums adds the CPUs' rows up.
func sums(t *testing.T, tracer *Tracer) map[Group]map[int32]Row {
	t.Helper()
	all := map[Group]map[int32]Row{}
	err := tracer.EachRow(tracer.Interval(), func(key RowKey, row Row) {
		if key.ABI != parts[0].abi {
			return
		}
		if all[key.Group] == nil {
			all[key.Group] = map[int32]Row{}
		}
		sum := all[key.Group][key.Nr]
		sum.Count += row.Count
		sum.Errors += row.Errors
		sum.Timed += row.Timed
		sum.TotalNs += row.TotalNs
		sum.MaxNs = max(sum.MaxNs, row.MaxNs)
		all[key.Group][key.Nr] = sum
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// groupOf finds the group of a process.
func groupOf(t *testing.T, tracer *Tracer, pid int) (Group, ProcessName) {
	t.Helper()
	var group Group
	var found ProcessName
	err := tracer.EachProcess(func(g Group, name ProcessName) {
		if int(g.PID) == pid {
			group, found = g, name
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return group, found
}

// script makes about half as many calls as a test of load.
func script(t *testing.T) bpftest.Script {
	t.Helper()
	n := loadCalls(t) / 2
	return bpftest.Script{Getppid: n, ReadZero: n / 4, OpenFails: n / 1000}
}

// wantScript wants the calls of script, less at most those whose programs the
// kernel skipped.
func wantScript(t *testing.T, tracer *Tracer, rows map[int32]Row) {
	t.Helper()
	script := script(t)
	for _, want := range []struct {
		name          string
		nr            int32
		count, errors int
	}{
		{"getppid", unix.SYS_GETPPID, script.Getppid, 0},
		{"read", unix.SYS_READ, script.ReadZero, 0},
		{"openat", unix.SYS_OPENAT, script.OpenFails, script.OpenFails},
	} {
		got := rows[want.nr]
		skipped := (&watched{Tracer: tracer}).skipped(t)
		if !within(got.Count, uint64(want.count), skipped) || !within(got.Errors, uint64(want.errors), skipped) {
			t.Errorf("%s: %d calls, %d errors; want %d, %d, less at most %d", want.name, got.Count, got.Errors, want.count, want.errors, skipped)
		}
	}
}

// within: n is want, or short of it by at most so much.
func within(n, want, short uint64) bool { return n <= want && n+short >= want }

func TestCountsOfAProcessAreExact(t *testing.T) {
	child := bpftest.Start(t, script(t))
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	group, name := groupOf(t, tracer, child.PID())
	if name.Comm != "exe" || name.UID != 0 || name.Exited {
		t.Errorf("name %+v; want comm exe, user 0, not exited", name)
	}
	all := sums(t, tracer)
	wantScript(t, tracer, all[group])
	if len(all) != 1 {
		t.Errorf("%d groups; want the child only: %v", len(all), all)
	}
}

func TestCountsWithoutGroupsAreExact(t *testing.T) {
	child := bpftest.Start(t, script(t))
	tracer := running(t, Options{GroupBy: GroupByNone}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	wantScript(t, tracer, sums(t, tracer)[Group{}])
}

func TestCallsWithoutRoomGoToTheRest(t *testing.T) {
	child := bpftest.Start(t, script(t))
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 1}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	total := map[int32]Row{}
	for _, rows := range sums(t, tracer) {
		for nr, row := range rows {
			sum := total[nr]
			sum.Count += row.Count
			sum.Errors += row.Errors
			total[nr] = sum
		}
	}
	wantScript(t, tracer, total)
	c, err := tracer.Counters()
	if err != nil || c.RowsOverflowed == 0 || c.RowsFailed != 0 {
		t.Errorf("%d calls overflowed, %d failed, %v; want some, none", c.RowsOverflowed, c.RowsFailed, err)
	}
}

func TestAnExitedProcessIsMarked(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{Getppid: 10})
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	child.Kill()
	group, name := groupOf(t, tracer, child.PID())
	if !name.Exited {
		t.Fatalf("%+v is not marked as exited", name)
	}
	var keys []RowKey
	tracer.EachRow(tracer.Interval(), func(key RowKey, _ Row) { keys = append(keys, key) })
	if err := errors.Join(tracer.DeleteRows(keys), tracer.DeleteProcesses(slices.Values([]Group{group}))); err != nil {
		t.Fatal(err)
	}
	if left := sums(t, tracer)[group]; left != nil {
		t.Errorf("rows left: %v", left)
	}
	if _, name := groupOf(t, tracer, child.PID()); name.Comm != "" {
		t.Errorf("name left: %+v", name)
	}
}

func TestExtremesBelongToTheirInterval(t *testing.T) {
	child := bpftest.Start(t, bpftest.Script{SleepNs: 50e6})
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	group, _ := groupOf(t, tracer, child.PID())
	if got := sums(t, tracer)[group][unix.SYS_CLOCK_NANOSLEEP]; got.MaxNs < 50e6 || got.TotalNs < 50e6 {
		t.Errorf("slept 50 ms: max %d ns, total %d ns", got.MaxNs, got.TotalNs)
	}
	ended, err := tracer.EndInterval()
	if err != nil {
		t.Fatal(err)
	}
	maxOf := func(interval uint32) (longest uint64) {
		tracer.EachRow(interval, func(key RowKey, row Row) {
			if key.Nr == unix.SYS_CLOCK_NANOSLEEP {
				longest = max(longest, row.MaxNs)
			}
		})
		return longest
	}
	if old, now := maxOf(ended), maxOf(ended+1); old < 50e6 || now != 0 {
		t.Errorf("max %d ns in the ended interval, %d in the new one; want over 50 ms, 0", old, now)
	}
}

func TestBalance(t *testing.T) {
	child := bpftest.Start(t, script(t))
	tracer := running(t, Options{GroupBy: GroupByProcess, Rows: 4096}, Filter{PIDFDs: []int{pidfd(t, child)}})
	child.Run()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if open, err := tracer.OpenCalls(); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d open calls, %v; the child waits in one at least", open, err)
		} else if open > 0 {
			break
		}
	}
	child.Kill()
	wantBalanceOf(t, &watched{Tracer: tracer})
}

// bpfFDs are this process's descriptors of programs, maps and links.
func bpfFDs(t *testing.T) (held []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(target, "anon_inode:bpf") {
			held = append(held, target)
		}
	}
	return held
}
