package bpf

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// figures are the numbers of the table of docs/architecture.md, of the line that begins with
// what: the table is what these tests hold the sizes and the measurements against.
func figures(t *testing.T, what string, want int) []uint64 {
	t.Helper()
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(string(text), "\n| "+what)
	if !found {
		t.Fatalf("docs/architecture.md has no line %q in its tables", what)
	}
	cell := strings.Split(line, "|")[1]
	var numbers []uint64
	for _, digits := range regexp.MustCompile(`[0-9][0-9,]*`).FindAllString(cell, -1) {
		n, _ := strconv.ParseUint(strings.ReplaceAll(digits, ",", ""), 10, 64) // digits alone
		numbers = append(numbers, n)
	}
	if len(numbers) != want {
		t.Fatalf("docs/architecture.md, %s: numbers %d in %q; want %d of them", what, numbers, cell, want)
	}
	return numbers
}

func TestSizesAreThoseOfTheDocumentation(t *testing.T) {
	thread, row := figures(t, "record of a thread", 4), figures(t, "row further away", 4)
	list := figures(t, "list further away", 4)
	near := figures(t, "near row", 2)
	ring, draft := figures(t, "ring of slow calls", 4), figures(t, "draft of a slow call", 1)
	for name, size := range map[string][2]uint64{
		"thread":           {uint64(unsafe.Sizeof(syscountThread{})), thread[0]},
		"row":              {uint64(unsafe.Sizeof(syscountRow{})), row[0]},
		"near row":         {uint64(unsafe.Sizeof(syscountNearRow{})), near[0]},
		"near row's times": {uint64(unsafe.Sizeof(syscountTimes{})), near[1]},
		"early list":       {uint64(unsafe.Sizeof(syscountEarlyList{})), figures(t, "early list", 3)[0]},
		"far list":         {uint64(unsafe.Sizeof(syscountEarlyList{})), list[0]},
		"list key":         {uint64(unsafe.Sizeof(syscountListKey{})), list[1]},
		"row key":          {uint64(unsafe.Sizeof(syscountRowKey{})), row[1]},
		"cgroup path":      {uint64(unsafe.Sizeof(syscountCgroupPath{})), figures(t, "path of a cgroup", 1)[0]},
		"slow call":        {uint64(unsafe.Sizeof(syscountSlowCall{})), ring[2]},
		"draft":            {uint64(unsafe.Sizeof(syscountSlowCall{})), draft[0]},

		"floor":      {uint64(unsafe.Sizeof(syscountFloor{})), figures(t, "floor of a set", 2)[0]},
		"floor key":  {uint64(unsafe.Sizeof(syscountFloorKey{})), figures(t, "floor of a set", 2)[1]},
		"assignment": {uint64(unsafe.Sizeof(syscountAssignmentKey{})), figures(t, "assignment of a cgroup", 2)[1]},

		"slow call without tail": {uint64(unsafe.Offsetof(syscountSlowCall{}.Tail)), ring[1]},
	} {
		if size[0] != size[1] {
			t.Errorf("a %s has %d bytes; docs/architecture.md says %d", name, size[0], size[1])
		}
	}
}

// attempts are how often a growth of the kernel's memory is measured before it counts as
// wrong: what others on the host take and free meanwhile is in it.
const attempts = 3

// wantGrowth wants the kernel's allocator to give about so many bytes for each of so many
// things: no more than the documentation says, with a tenth for others on the host, and no
// less than the half of it, since free places are used first.
func wantGrowth(t *testing.T, what string, documented uint64, things int, grow func() (bytes int64)) {
	t.Helper()
	var measured []string
	for range attempts {
		each := grow() / int64(things)
		measured = append(measured, strconv.FormatInt(each, 10))
		if each >= int64(documented/2) && each <= int64(documented+documented/10) {
			t.Logf("%s: %s bytes of the kernel's memory; docs/architecture.md says %d", what, strings.Join(measured, ", "), documented)
			return
		}
	}
	t.Errorf("%s takes %s bytes of the kernel's memory; docs/architecture.md says %d", what, strings.Join(measured, ", "), documented)
}

// Each row or list that is not near takes what the documentation says: what the map asks for, in its
// fdinfo, and what the allocator gives.
func TestMemoryOfWhatIsFurtherAwayIsThatOfTheDocumentation(t *testing.T) {
	tracer := shared.borrow(t, Options{GroupBy: GroupByProcess, Rows: 8192})
	wantElements(t, tracer.objs.Rows, "row further away", func(n uint64) error {
		return tracer.objs.Rows.Put(&syscountRowKey{Group: n}, &syscountRow{})
	}, empty[syscountRowKey, syscountRow])
	wantElements(t, tracer.objs.FarLists, "list further away", func(n uint64) error {
		return tracer.objs.FarLists.Put(&syscountListKey{Group: n}, &syscountEarlyList{})
	}, empty[syscountListKey, syscountEarlyList])
}

// wantElements has user space put elements into a hash: they are made by the same code of the kernel.
func wantElements(t *testing.T, m *ebpf.Map, what string, put func(n uint64) error, empty func(*ebpf.Map) error) {
	t.Helper()
	const elements = 2000
	documented := figures(t, what, 4)
	asked, given := documented[2], documented[3]
	next := uint64(1)
	wantGrowth(t, "a "+what, given, elements, func() int64 {
		before, memlock := kmallocBytes(t, given), mapMemory(t, m.FD())
		for range elements {
			if err := put(next); err != nil {
				t.Fatal(err)
			}
			next++
		}
		grown := kmallocBytes(t, given) - before
		// Until Linux 6.4 memlock is the map's full size, which never changes.
		if more := mapMemory(t, m.FD()) - memlock; more > asked*elements {
			t.Errorf("%s: %d added %d bytes to the map's memlock; docs/architecture.md says %d for each", what, elements, more, asked)
		} else {
			t.Logf("%s: %d added %d bytes to the map's memlock", what, elements, more)
		}
		if err := empty(m); err != nil {
			t.Fatal(err)
		}
		return grown
	})
}

// A thread that makes its first call gets a record, and the kernel's allocator gives what
// the documentation says. The threads are there, and wait, before we look.
func TestMemoryOfAThreadIsThatOfTheDocumentation(t *testing.T) {
	threads := 2000
	if dear {
		threads = 500
	}
	documented := figures(t, "record of a thread", 4)
	if documented[1] != documented[2]+documented[3] {
		t.Errorf("docs/architecture.md: the parts of a thread's memory are not the whole: %d", documented)
	}
	wantGrowth(t, "a thread", documented[1], threads, func() int64 {
		process := manyThreads(t, threads)
		t.Cleanup(process.Kill) // what it frees the next attempt would be given
		tracer := shared.watch(t, Options{GroupBy: GroupByProcess, Rows: 4096}, process)
		before := kmallocBytes(t, documented[2:]...)
		for range threads {
			process.Poke()
		}
		for range threads {
			process.Hear()
		}
		grown := kmallocBytes(t, documented[2:]...) - before
		if got := counted(t, tracer)[own(unix.SYS_GETPPID)].calls; got+tracer.skipped(t) < uint64(threads) {
			t.Errorf("%d threads made a call; want %d", got, threads)
		}
		return grown
	})
}

// manyThreads is a process of so many threads, one of which began the others. Each waits for
// a byte, then makes a call and says so.
func manyThreads(t *testing.T, threads int) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	b := p.Words(0)
	each := []bpftest.Step{
		call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_READ, 0, b, 1), call(unix.SYS_GETPPID),
		call(unix.SYS_WRITE, 1, b, 1), call(unix.SYS_PPOLL), exit(),
	}
	// None of them uses its stack: all have the same.
	steps := slices.Concat([]bpftest.Step{p.Thread(each...), bpftest.Loop(1, threads-1)}, each)
	process := p.Start(t, steps...)
	process.Poke()
	for range threads {
		process.Hear()
	}
	process.AwaitStates(strings.Repeat("S", threads))
	return process
}

// mapMemory is what a map of this process asks the kernel for.
func mapMemory(t *testing.T, fd int) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		t.Fatal(err)
	}
	var n uint64
	_, rest, _ := strings.Cut(string(text), "memlock:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatalf("no memlock in the map's fdinfo: %v", err)
	}
	return n
}

// kmallocBytes is what the kernel's allocator has given out in its caches for what has about
// so many bytes (kmalloc-1k, kmalloc-cg-192): BPF takes elements of hashes and task storage
// from there. The others are left out, since they move with all that the host does. See
// slabinfo(5).
func kmallocBytes(t *testing.T, sizes ...uint64) (sum int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/slabinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var name string
		var active, total, size int64
		if !strings.HasPrefix(line, "kmalloc-") {
			continue
		}
		if _, err := fmt.Sscan(line, &name, &active, &total, &size); err != nil {
			t.Fatalf("/proc/slabinfo: %q: %v", line, err)
		}
		if slices.Contains(sizes, uint64(size)) {
			sum += active * size
		}
	}
	return sum
}
