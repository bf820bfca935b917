// Package witness holds the counting against other tracers: with them attached at
// the same time, and number by number against perf's. It is not in package bpf,
// whose tests also run on machines that have no such tools (test/kernels).
package witness

import (
	"errors"
	"maps"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
)

// loadCalls is about how many calls a test of this package makes: 10,000,000 is a
// good number for a long run, of a quarter of an hour: where an interrupt to oneself
// is dear, as in a virtual machine, perf trace costs 50 us per call.
func loadCalls(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("SYSCOUNT_TEST_CALLS")
	if !ok {
		return 200_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10_000 {
		t.Fatalf("SYSCOUNT_TEST_CALLS=%q: want a number of calls, 10000 or more", text)
	}
	return n
}

// calls is an answer: what was made, or counted.
type calls map[bpf.Syscall]bpftest.Tally

func answerOf(want map[bpftest.Number]bpftest.Tally) calls {
	own := map[string]bpf.ABI{"amd64": bpf.ABIx8664, "arm64": bpf.ABIaarch64}[runtime.GOARCH]
	answer := calls{}
	for number, tally := range want {
		abi := own
		if number.Door == bpftest.Door386 {
			abi = bpf.ABIi386
		}
		answer[bpf.Syscall{ABI: abi, Nr: number.Nr}] = tally
	}
	return answer
}

func (c calls) sum() (n uint64) {
	for _, tally := range c {
		n += tally.Calls
	}
	return n
}

// load is a private process whose calls are all known.
type load struct {
	*bpftest.Process
	answer calls
}

func newLoad(t *testing.T, threads, calls int) load {
	t.Helper()
	p := bpftest.NewProgram()
	steps, want := p.Migrating(t, threads, calls/threads)
	return load{p.Start(t, steps...), answerOf(want)}
}

// run is all of it, from its release to its end.
func (l load) run() {
	l.Poke()
	l.Finish()
}

// tracer is ours, attached for one test.
type tracer struct {
	*bpf.Tracer
	t *testing.T
}

func watch(t *testing.T, opts bpf.Options, f bpf.Filter) tracer {
	t.Helper()
	own, err := bpf.Load(opts)
	if err != nil {
		t.Fatalf("load: %+v", err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := errors.Join(own.SetFilter(f), own.Attach()); err != nil {
		t.Fatal(err)
	}
	return tracer{own, t}
}

func watchProcess(t *testing.T, opts bpf.Options, p *bpftest.Process) tracer {
	t.Helper()
	fd, err := unix.PidfdOpen(p.PID(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return watch(t, opts, bpf.Filter{PIDFDs: []int{fd}})
}

func (own tracer) counters() bpf.Counters {
	own.t.Helper()
	c, err := own.Counters()
	if err != nil {
		own.t.Fatal(err)
	}
	return c
}

// counted are all rows but that of the process's release: who looks at a process
// may have it begin the call anew.
func (own tracer) counted() calls {
	own.t.Helper()
	got := calls{}
	err := own.EachRow(own.Interval(), func(key bpf.RowKey, row bpf.Row) {
		sum := got[key.Syscall]
		got[key.Syscall] = bpftest.Tally{Calls: sum.Calls + row.Count, Errors: sum.Errors + row.Errors}
	})
	if err != nil {
		own.t.Fatal(err)
	}
	maps.DeleteFunc(got, func(sc bpf.Syscall, _ bpftest.Tally) bool { return sc.Nr == unix.SYS_READV })
	return got
}

// want wants exactly these calls. Since Linux 7.2 the kernel may skip a program
// that others preempted; one call may be missing for each that it has counted.
func (own tracer) want(want calls) {
	own.t.Helper()
	got, c := own.counted(), own.counters()
	for sc, w := range want {
		if g := got[sc]; !isShortOf(g, w, c.RecursionMisses) {
			own.t.Errorf("call %d: %+v; want %+v, with %d runs skipped", sc.Nr, g, w, c.RecursionMisses)
		}
	}
	for sc, g := range got {
		if _, wanted := want[sc]; !wanted {
			own.t.Errorf("%v %d: %+v; want no row", sc.ABI, sc.Nr, g)
		}
	}
	if n, all := got.sum(), want.sum(); n > all || n+c.RecursionMisses < all {
		own.t.Errorf("%d calls in all; want %d, less at most the %d runs skipped", n, all, c.RecursionMisses)
	}
	if c.RecursionMisses > 0 {
		own.t.Logf("the kernel skipped %d runs", c.RecursionMisses)
		return
	}
	if c.Enter != c.Matched+c.Suspended+c.Died || c.Exit != c.Matched+c.Suspended+c.ExitWithoutEnter {
		own.t.Errorf("beginnings and ends do not add up: %+v", c)
	}
}

// isShortOf says whether there are as many calls as wanted, less at most one for each run
// that was skipped. So it is with errors; but where the end of a call and the beginning of
// the thread's next one were skipped, the end of that one is taken for the first one's.
func isShortOf(got, want bpftest.Tally, skipped uint64) bool {
	return got.Calls <= want.Calls && got.Calls+skipped >= want.Calls &&
		got.Errors <= want.Errors+skipped/2 && got.Errors+skipped >= want.Errors
}
