package witness

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/bpf/bpftest"
)

// Over one window of the whole host, perf has counted as many beginnings and ends
// of calls as we have, up to those that happened while the window was opened
// and closed. Our own process, which we leave out, is left out of perf's count
// by the numbers of its threads; so a window in which it got a new thread does not
// count. Nor does one whose edges are wide, however many calls lie between them: what is
// unknown is a number of calls, not a part of the load.
func TestTotalsEqualPerfs(t *testing.T) {
	bpftest.NeedTracefs(t)
	needHostsPIDs(t)
	account := watch(t, bpf.Options{GroupBy: bpf.GroupByNone}, bpf.Filter{})
	count := watch(t, bpf.Options{GroupBy: bpf.GroupByNone, Mode: bpf.ModeCount}, bpf.Filter{})
	var widths []uint64
	for range 20 {
		w := measure(t, account, count)
		widths = append(widths, w.opens.width(), w.close.width())
		if w.isGood() {
			w.check()
			return
		}
	}
	t.Fatalf("none of 20 windows had narrow edges and no new thread of ours in it: %d calls in them; want at most %d in each", widths, narrow)
}

// narrow is how many calls an edge may have, of the whole host: perf makes some ten to begin
// or end, and as many more come from others, and from the CPUs that it wakes up.
const narrow = 100

// edge is an end of a window: what we have counted before perf was told, and after
// it has answered.
type edge struct{ before, after []bpf.Counters }

// width is how many calls ended meanwhile: so much is not known.
func (e edge) width() uint64 {
	if len(e.after) == 0 {
		return 0 // the window has no such edge
	}
	return e.after[0].Exit - e.before[0].Exit
}

// window is one measurement.
type window struct {
	t            *testing.T
	opens, close edge
	enter, exit  uint64 // perf's
	calls        uint64 // of the private load, all within the window
	newThread    bool
}

// measure looks through the window in which a private load runs, whatever else
// the host does. Of one that opens wide there is the edge alone.
func measure(t *testing.T, tracers ...tracer) window {
	t.Helper()
	l := newLoad(t, 8, loadCalls(t))
	own := ownThreads(t)
	perf := startPerf(t, own)
	w := window{t: t, calls: l.answer.sum()}
	if w.opens = perf.edge("enable", tracers); w.opens.width() > narrow {
		return w // it does not count: the load need not run
	}
	l.run()
	w.close = perf.edge("disable", tracers)
	w.newThread = !slices.Equal(own, ownThreads(t))
	w.enter, w.exit = perf.finish()
	return w
}

func (w window) isGood() bool {
	return !w.newThread && w.close.after != nil && w.opens.width() <= narrow && w.close.width() <= narrow
}

func (w window) check() {
	w.t.Helper()
	w.t.Logf("%d calls of the load in the window; %d calls in the edge where it opens, %d where it closes", w.calls, w.opens.width(), w.close.width())
	if w.enter < w.calls {
		w.t.Errorf("perf counts %d beginnings; want the %d of the load at least", w.enter, w.calls)
	}
	w.within("account: beginnings", w.enter, 0, func(c bpf.Counters) uint64 { return c.Enter })
	w.within("account: ends", w.exit, 0, func(c bpf.Counters) uint64 { return c.Exit })
	w.within("count: ends", w.exit, 1, func(c bpf.Counters) uint64 { return c.Exit })
}

// within wants perf's figure within our own bounds.
func (w window) within(what string, perfs uint64, tracer int, figure func(bpf.Counters) uint64) {
	w.t.Helper()
	low, high := w.bounds(tracer, figure)
	w.t.Logf("%s: perf %d, we %d to %d", what, perfs, low, high)
	if perfs < low || perfs > high {
		w.t.Errorf("%s: perf counts %d, we count %d to %d", what, perfs, low, high)
	}
}

// bounds are the least and the most that was counted inside the window. At each
// edge, on each CPU, one call may be past perf and not yet past us, or the other way
// round; and what the kernel skipped we do not have.
func (w window) bounds(tracer int, figure func(bpf.Counters) uint64) (low, high uint64) {
	first, last := w.opens.before[tracer], w.close.after[tracer]
	between := uint64(2 * runtime.NumCPU())
	low = figure(w.close.before[tracer]) - figure(w.opens.after[tracer]) - between
	return low, figure(last) - figure(first) + between + last.RecursionMisses - first.RecursionMisses
}

// perfStat is perf stat for the whole host, which counts nothing until it is
// told to.
type perfStat struct {
	*exec.Cmd
	t       *testing.T
	control *os.File
	answers *bufio.Reader
	output  string // path
	errors  bytes.Buffer
}

func startPerf(t *testing.T, without []int) *perfStat {
	t.Helper()
	path, err := exec.LookPath("perf")
	if err != nil {
		t.Fatalf("this test needs perf (test/install-deps test): %v", err)
	}
	filter := filterOf(without)
	output := filepath.Join(t.TempDir(), "perf")
	childControl, control := pipe(t)
	answers, childAnswers := pipe(t)
	p := &perfStat{t: t, control: control, answers: bufio.NewReader(answers), output: output, Cmd: exec.Command(path,
		"stat", "-a", "-x,", "-o", output, "--delay=-1", "--control=fd:3,4",
		"-e", "raw_syscalls:sys_enter", "--filter", filter, "-e", "raw_syscalls:sys_exit", "--filter", filter)}
	p.ExtraFiles = []*os.File{childControl, childAnswers}
	p.Stderr = &p.errors
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	childControl.Close()
	childAnswers.Close()
	t.Cleanup(p.kill)
	p.tell("ping") // answered when perf has opened its events
	return p
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func filterOf(without []int) string {
	var terms []string
	for _, tid := range without {
		terms = append(terms, fmt.Sprintf("common_pid != %d", tid))
	}
	return strings.Join(terms, " && ")
}

// tell gives perf a command and waits until it is done.
func (p *perfStat) tell(command string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.control, command); err != nil {
		p.t.Fatalf("tell perf: %v", err)
	}
	if answer, err := p.answers.ReadString('\n'); !strings.HasSuffix(answer, "ack\n") {
		p.kill()
		p.t.Fatalf("perf answers %q to %q: %v\n%s", answer, command, err, &p.errors)
	}
}

func (p *perfStat) edge(command string, tracers []tracer) (e edge) {
	p.t.Helper()
	e.before = countersOf(tracers)
	p.tell(command)
	e.after = countersOf(tracers)
	return e
}

func countersOf(tracers []tracer) (all []bpf.Counters) {
	for _, own := range tracers {
		all = append(all, own.counters())
	}
	return all
}

// finish ends perf and reads what it has counted.
func (p *perfStat) finish() (enter, exit uint64) {
	p.t.Helper()
	p.Process.Signal(os.Interrupt)
	p.Wait() // it says that it was interrupted
	text, err := os.ReadFile(p.output)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.count(string(text), "raw_syscalls:sys_enter"), p.count(string(text), "raw_syscalls:sys_exit")
}

// count finds an event in perf's lines: its count is the first field (perf-stat(1),
// "CSV FORMAT").
func (p *perfStat) count(text, event string) uint64 {
	p.t.Helper()
	for line := range strings.Lines(text) {
		fields := strings.Split(line, ",")
		if len(fields) < 3 || fields[2] != event {
			continue
		}
		n, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			p.t.Fatalf("perf says %q", line)
		}
		return n
	}
	p.t.Fatalf("perf says nothing of %s:\n%s", event, text)
	return 0
}

func (p *perfStat) kill() {
	if p.ProcessState == nil {
		p.Process.Kill()
		p.Wait()
	}
}

// ownThreads are the numbers of this process's threads.
func ownThreads(t *testing.T) (tids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		tids = append(tids, tid)
	}
	slices.Sort(tids)
	return tids
}

// needHostsPIDs: perf's filter knows threads by the numbers of the first PID
// namespace, and counts processes there that we cannot name.
func needHostsPIDs(t *testing.T) {
	t.Helper()
	const first = 0xeffffffc // PROC_PID_INIT_INO (include/linux/proc_ns.h)
	var stat unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &stat); err != nil || stat.Ino != first {
		t.Fatalf("this test needs the host's PID namespace, not %d (%v)", stat.Ino, err)
	}
}
