package bpf

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/histogram"
	"github.com/syscountd/syscountd/bpf/bpftest"
)

// youngster is a process that forks a child, which makes so many calls of getppid and a close that
// fails. The child is young when it is seen first, however long the machine takes.
func youngster(t *testing.T, opts Options, getppids int) *watched {
	t.Helper()
	p := bpftest.NewProgram()
	child := p.Steps(call(unix.SYS_GETPPID).Times(getppids), call(unix.SYS_CLOSE, ^uintptr(0)), exit())
	process := p.Start(t, parentOf(child)...)
	tracer := shared.watchAll(t, opts, process)
	process.Poke()
	process.Finish()
	return tracer
}

// listed are the calls in the lists.
func listed(tracer *watched) calls {
	all := calls{}
	err := tracer.early.each(tracer.Interval(), func(key *syscountRowKey, row *syscountRow) {
		sc, _ := syscallOf(uint32(key.Syscall))
		all[sc] = tally{all[sc].calls + row.Count, all[sc].errors + row.Errors}
	})
	if err != nil {
		panic(err) // the programs of a test are there as long as it runs
	}
	return all
}

// timedInLists are those of them whose time was taken: in mode count they were in the kernel at a tick, or left the CPU.
func timedInLists(tracer *watched) (n uint64) {
	err := tracer.early.each(tracer.Interval(), func(_ *syscountRowKey, row *syscountRow) { n += row.Times.Timed })
	if err != nil {
		panic(err) // as above
	}
	return n
}

// Listed are as many calls as there is room for, and those after them are added to rows: both
// together are all. Those without times share an entry.
func TestTheFirstCallsOfAYoungProcessAreListed(t *testing.T) {
	const list, room, most = int(syscountEarlyEARLY_CALLS), int(syscountEarlyEARLY_LISTS * syscountEarlyEARLY_CALLS), 4096 // EARLY_MOST of early.h
	for mode, opts := range modes {
		room := room
		if !timesAll(opts) {
			room = most
		}
		for _, n := range []int{1, list - 1, list, list + 1, room - 1, room, room + 1, 2 * room} {
			t.Run(fmt.Sprintf("%s %d", mode, n), func(t *testing.T) {
				tracer := youngster(t, opts, n)
				got, inLists, skipped := counted(t, tracer), listed(tracer), tracer.skipped(t)
				getppid, closed := own(unix.SYS_GETPPID), own(unix.SYS_CLOSE)
				if want := (tally{uint64(n), 0}); !got[getppid].isShortOf(want, skipped) {
					t.Errorf("%d calls of getppid; want %d, with %d runs skipped", got[getppid].calls, n, skipped)
				}
				if want := (tally{1, 1}); !got[closed].isShortOf(want, skipped) {
					t.Errorf("close: %+v; want %+v, with %d runs skipped", got[closed], want, skipped)
				}
				least, most := uint64(min(n, room)), uint64(min(n, room))
				switch {
				case opts.Sample > 1: // how many are timed is chance
					least, most = uint64(min(n, list)), uint64(n)
				case !timesAll(opts):
					most += timedInLists(tracer)
				}
				if inLists[getppid].calls+skipped < least || inLists[getppid].calls > most {
					t.Errorf("%d calls of getppid are listed; want %d to %d, with %d runs skipped", inLists[getppid].calls, least, most, skipped)
				}
				wantTimes(t, tracer)
			})
		}
	}
}

// wantTimes wants a row's times to be of its timed calls, whether they were listed or not.
func wantTimes(t *testing.T, tracer *watched) {
	t.Helper()
	timesAll := timesAll(tracer.Options())
	err := tracer.EachRow(tracer.Interval(), func(key RowKey, row Row) {
		var inHistogram uint64
		for _, n := range row.Histogram {
			inHistogram += uint64(n)
		}
		if inHistogram != row.Timed || row.Timed > row.Count || timesAll && row.Timed != row.Count {
			t.Errorf("%v: %d of %d calls are timed, %d in the histogram", key, row.Timed, row.Count, inHistogram)
		}
		if row.Timed > 0 && (row.MinNs > row.MaxNs || row.TotalNs < row.MaxNs || row.TotalNs > row.MaxNs*row.Timed) {
			t.Errorf("%v: %d calls from %d to %d ns, in all %d", key, row.Timed, row.MinNs, row.MaxNs, row.TotalNs)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A process whose calls are listed has the name of the program that it has become, while it lives. It stays on its CPU:
// one that the kernel moves for execve goes the long way anyway.
func TestAYoungProcessIsNamedAnewByExecve(t *testing.T) {
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			last, p := bpftest.NewProgram(), bpftest.NewProgram()
			b := last.Words(0)
			file := last.Executable(t, call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1), exit())
			const name = "successor" // all of ours have the same
			next := filepath.Join(filepath.Dir(file), name)
			if err := os.Rename(file, next); err != nil {
				t.Fatal(err)
			}
			process := p.Start(t, parentOf(p.Steps(call(unix.SYS_SCHED_SETAFFINITY, 0, 128, p.Masks(t)[0]), call(unix.SYS_GETPPID), execve(p, next)))...)
			tracer := shared.watchAll(t, opts, process)
			process.Poke()
			process.Hear()
			var names []string
			if err := tracer.EachProcess(func(_ Group, p ProcessName) { names = append(names, p.Comm) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(names, name) && tracer.skipped(t) == 0 {
				t.Errorf("processes %q; want one that is called %s", names, name)
			}
			process.Poke()
			process.Finish()
		})
	}
}

// A process has more lists than one while its calls are timed; those after the first take places of a half of
// their own, so that they leave the others' first ones theirs.
func TestListsAfterTheFirstAreInAHalfOfTheirOwn(t *testing.T) {
	tracer := youngster(t, modes["account"], 2*int(syscountEarlyEARLY_CALLS)+1)
	var places uint32
	if err := tracer.objs.EarlyPlaces.Get(&places); err != nil {
		t.Fatal(err)
	}
	var first, after int
	for i, l := range tracer.early.values {
		if l.Pid == 0 {
			continue
		}
		second := uint32(i)/places%2 == 1
		if second != (l.Ordinal > 0) {
			t.Errorf("list %d of a process is in place %d, with %d for first ones and as many others on each CPU", l.Ordinal, i, places)
		}
		if second {
			after++
		} else {
			first++
		}
	}
	if first == 0 || after < 2 && tracer.skipped(t) == 0 {
		t.Errorf("%d first lists and %d others; want one and two of the child's at least", first, after)
	}
}

// A process may make calls of more kinds than a list has places: those that find none have rows.
func TestWhatHasNoPlaceInAListHasRows(t *testing.T) {
	numbers := []uintptr{ // which refuse the descriptor -1
		unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_LSEEK, unix.SYS_IOCTL, unix.SYS_PREAD64, unix.SYS_PWRITE64,
		unix.SYS_FCNTL, unix.SYS_FLOCK, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FTRUNCATE, unix.SYS_GETDENTS64,
		unix.SYS_FCHDIR, unix.SYS_FCHMOD, unix.SYS_FCHOWN, unix.SYS_FSTATFS, unix.SYS_DUP, unix.SYS_PREADV, unix.SYS_PWRITEV, unix.SYS_SYNCFS,
		unix.SYS_FALLOCATE, unix.SYS_FADVISE64, unix.SYS_READAHEAD, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_LISTEN, unix.SYS_SHUTDOWN,
	}
	for nr := uintptr(475); nr < 510; nr++ { // which no kernel has
		numbers = append(numbers, nr)
	}
	p := bpftest.NewProgram()
	var steps []bpftest.Step
	for _, nr := range numbers {
		steps = append(steps, call(nr, ^uintptr(0)).Times(3))
	}
	process := p.Start(t, parentOf(p.Steps(append(steps, exit())...))...)
	tracer := shared.watchAll(t, modes["count"], process)
	process.Poke()
	process.Finish()
	got, inLists, skipped := counted(t, tracer), listed(tracer), tracer.skipped(t)
	for _, nr := range numbers {
		if sc := own(int32(nr)); !got[sc].isShortOf(tally{3, 3}, skipped) {
			t.Errorf("%v: %+v; want 3 calls that failed, with %d runs skipped", sc, got[sc], skipped)
		}
	}
	if len(inLists) == 0 || len(inLists) >= len(numbers) {
		t.Errorf("%d of %d system calls are listed", len(inLists), len(numbers))
	}
}

// Where the place of its list has become another's, as after a replacement by programs with other
// places, a process lists nothing more.
func TestNobodyWritesIntoTheListOfAnother(t *testing.T) {
	p := bpftest.NewProgram()
	b := p.Words(0)
	child := p.Steps(call(unix.SYS_GETPPID).Times(5), call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1), call(unix.SYS_GETPPID).Times(5), exit())
	process := p.Start(t, parentOf(child)...)
	tracer := shared.watchAll(t, modes["account"], process)
	process.Poke()
	process.Hear()
	others := 0
	for i := range tracer.early.values {
		if l := &tracer.early.values[i]; l.Pid != 0 {
			l.Group, l.Pid = 1, 1
			others += int(l.Used)
		}
	}
	process.Poke()
	process.Finish()
	after := 0
	for _, l := range tracer.early.values {
		if l.Pid == 1 {
			after += int(l.Used)
		}
	}
	if others == 0 || after != others {
		t.Errorf("%d calls were in lists before they became another's, %d after", others, after)
	}
	if got := counted(t, tracer)[own(unix.SYS_GETPPID)]; !got.isShortOf(tally{10, 0}, tracer.skipped(t)) {
		t.Errorf("%d calls of getppid; want 10, with %d runs skipped", got.calls, tracer.skipped(t))
	}
}

// A process has no call to list yet, since only its getppids are observed, and makes other calls while other programs
// take over: they have rows of other groups, or lists of their own.
func TestAReplacementBeforeTheFirstListedCall(t *testing.T) {
	const listed = 100 // more than a list takes
	from, to := between(base, Options{GroupBy: GroupByComm, Rows: 4096})
	all := []Options{to, {GroupBy: GroupByNone}, {GroupBy: GroupByCgroup, Rows: 4096}, {GroupBy: GroupByProcess, Rows: 8192}}
	if dear {
		all = all[:1]
	}
	for _, next := range all {
		t.Run(nameOfReplacement(next), func(t *testing.T) {
			p := bpftest.NewProgram()
			b := p.Words(0)
			endless := p.Steps(call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_GETPID).Times(1<<40))
			process := p.Start(t, append([]bpftest.Step{p.Handler(unix.SIGUSR1, 0, call(unix.SYS_GETPPID).Times(listed), exit())}, parentOf(endless)...)...)
			cgroup := bpftest.NewCgroup(t, bpftest.CgroupRoot(t), "syscount-lists.scope")
			cgroup.Add(process.PID())
			tracer := newReplaceable(t, from)
			if err := errors.Join(tracer.nameCalls(unix.SYS_GETPPID), tracer.SetFilter(Filter{CgroupIDs: []uint64{cgroup.ID()}})); err != nil {
				t.Fatal(err)
			}
			process.Poke()
			process.Hear()
			tracer.replace(t, next)
			if err := unix.Kill(childOf(t, cgroup, process), unix.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			process.Finish()
			tracer.take(t)
			getppid := own(unix.SYS_GETPPID)
			if got := tracer.counted[getppid]; !got.isShortOf(tally{listed, 0}, tracer.skipped(t)) {
				t.Errorf("%d calls of getppid; want %d, with %d runs skipped", got.calls, listed, tracer.skipped(t))
			}
		})
	}
}

// childOf is the process of a cgroup that is not its parent.
func childOf(t *testing.T, cgroup *bpftest.Cgroup, parent *bpftest.Process) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cgroup.Dir, "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid != parent.PID() {
			t.Cleanup(func() {
				if t.Failed() { // else it has ended, and the PID may be another's
					unix.Kill(pid, unix.SIGKILL)
				}
			})
			return pid
		}
	}
	t.Fatalf("the cgroup has no child: %q", text)
	return 0
}

// early is an entry as the kernel side makes it; ns is how many calls it has, if they are not timed.
func early(t *testing.T, slot uint16, ns uint32, failed, timed bool, interval uint32) uint64 {
	t.Helper()
	if uint32(slot) >= allSlots {
		t.Fatalf("slot %d", slot)
	}
	what := uint32(slot) | uint32(syscountEarlyEARLY_CALL) | interval<<syscountEarlyEARLY_INTERVAL_SHIFT
	if failed {
		what |= uint32(syscountEarlyEARLY_ERROR)
	}
	if timed {
		what |= uint32(syscountEarlyEARLY_TIMED)
	}
	return uint64(what)<<32 | uint64(ns)
}

// The rows that lists make are those that the same calls would have made, whatever the calls are;
// a process may have several lists, and its calls may be of several intervals.
func TestListsMakeTheRowsOfTheirCalls(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 7))
		now := random.Uint32()
		want := map[syscountRowKey]syscountRow{}
		e := earlyCalls{mapped: mapped[syscountEarlyList]{values: make([]syscountEarlyList, 40)}}
		for i := range e.values {
			l := &e.values[i]
			l.Group, l.Pid = 1+random.Uint64N(5), 1+random.Uint32N(3)
			if random.IntN(4) == 0 {
				l.Pid = 0 // the place is free
			}
			for call := range random.IntN(len(l.Calls) + 1) {
				slot, ns, failed, timed := uint16(random.IntN(5)), random.Uint32()>>random.IntN(32), random.IntN(3) == 0, random.IntN(3) > 0
				if random.IntN(5) == 0 {
					continue // a place between others
				}
				l.Interval = now - uint32(random.IntN(3))
				l.Calls[call] = early(t, slot, ns, failed, timed, l.Interval)
				if l.Pid == 0 {
					continue
				}
				key := syscountRowKey{Group: l.Group, Pid: l.Pid, Syscall: slot, Cpu: earlyCPU}
				row := want[key]
				calls := uint64(1)
				if !timed {
					calls = uint64(ns)
				}
				row.Count += calls
				if failed {
					row.Errors += calls
				}
				if timed {
					row.Times.Timed++
					row.Times.TotalNs += uint64(ns)
					row.Times.Histogram[histogram.Slot(uint64(ns))]++
				}
				if x := &row.Times.Extremes[now&1]; timed && l.Interval == now {
					if x.Interval != now {
						x.Interval, x.MinNs, x.MaxNs = now, uint64(ns), uint64(ns)
					}
					x.MinNs, x.MaxNs = min(x.MinNs, uint64(ns)), max(x.MaxNs, uint64(ns))
				}
				want[key] = row
			}
			l.Interval = now // of the last call
		}
		got := map[syscountRowKey]syscountRow{}
		e.eachNear(now, func(key *syscountRowKey, row *syscountRow) {
			if _, twice := got[*key]; twice {
				t.Errorf("seed %d: %+v comes twice", seed, *key)
			}
			got[*key] = *row
		})
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: the rows are not those of the calls", seed)
		}
	}
}

// An entry has the lower bits of its interval's number only: the list's own tells those of long ago.
func TestCallsOfLongAgoAreNotOfThisInterval(t *testing.T) {
	const now = 1 << 20
	e := earlyCalls{mapped: mapped[syscountEarlyList]{values: make([]syscountEarlyList, 1)}}
	l := &e.values[0]
	l.Group, l.Pid, l.Interval = 1, 1, now-earlyIntervals-1
	l.Calls[0] = early(t, 1, 1000, false, true, l.Interval)
	e.eachNear(now, func(_ *syscountRowKey, row *syscountRow) {
		if x := row.Times.Extremes[now&1]; row.Count != 1 || x.Interval == now {
			t.Errorf("%d calls, extremes %+v; want one, and none", row.Count, x)
		}
	})
}

func TestPlacesForLists(t *testing.T) {
	for _, test := range []struct {
		rows uint32
		by   GroupBy
		cpus int
		want uint32
	}{
		{131072, GroupByProcess, 2, 2048}, {131072, GroupByProcess, 64, 256}, {4096, GroupByProcess, 2, 256}, {4096, GroupByProcess, 3, 128},
		{131072, GroupByComm, 2, 0}, {131072, GroupByCgroup, 2, 0}, {1, GroupByNone, 2, 0}, {1, GroupByProcess, 2, 0}, {131072, GroupByProcess, 40_000, 0},
	} {
		if got := earlyPlaces(test.rows, test.by, test.cpus); got != test.want {
			t.Errorf("%+v: %d places", test, got)
		}
	}
}
