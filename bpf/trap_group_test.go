package bpf

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
)

// startNamed starts a process that makes these calls, and of threads with names,
// each of which makes so many calls.
func startNamed(t *testing.T, getsids map[string]int, steps ...bpftest.Step) *bpftest.Process {
	t.Helper()
	p := bpftest.NewProgram()
	for name, n := range getsids {
		steps = append(steps, p.Thread(call(unix.SYS_PRCTL, unix.PR_SET_NAME, p.Text(name)),
			call(unix.SYS_GETSID, 0).Times(n), call(unix.SYS_EXIT, 0)))
	}
	return p.Start(t, append(steps, call(unix.SYS_EXIT, 0))...)
}

// comms finds the groups of command names.
func comms(t *testing.T, tracer *watched) map[string]Group {
	t.Helper()
	groups := map[string]Group{}
	err := tracer.EachProcess(func(g Group, name ProcessName) {
		if g.PID != 0 {
			t.Errorf("group %+v of %q has a PID", g, name.Comm)
		}
		groups[name.Comm] = g
	})
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// A name is a thread's, whichever process it is of, and it may change.
func trapGroupByComm(t *testing.T, r *rig, opts Options) {
	getsids := map[string]int{"trap-one": 10, "trap-two": 20, "fifteen-letters": 30, "": 40, "new\nline\x1b[31m": 50, "\xff\xfe": 60}
	process := startNamed(t, getsids)
	opts.GroupBy = GroupByComm
	tracer := r.watch(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{own(unix.SYS_CLONE): {6, 0}, own(unix.SYS_PRCTL): {6, 0}, own(unix.SYS_GETSID): {210, 0}})
	if !wantStory(t, tracer, Counters{Died: 7, ExitWithoutEnter: 6 * forkEnds}) {
		return
	}
	groups, rows := comms(t, tracer), sums(t, tracer.Tracer)
	for name, n := range getsids {
		if got := rows[groups[name]][unix.SYS_GETSID]; got.Count != uint64(n) || groups[name].ID == 0 {
			t.Errorf("%q, group %+v: %d calls, want %d", name, groups[name], got.Count, n)
		}
	}
	if got := rows[groups["trap"]][unix.SYS_CLONE]; got.Count != 6 {
		t.Errorf("the leader, group %+v: %d calls of clone, want 6", groups["trap"], got.Count)
	}
}

// What has no room goes to the row of the rest; nothing is lost.
func trapOverflowKeepsTotals(t *testing.T, r *rig, opts Options) {
	getsids := map[string]int{}
	for i := range 20 {
		getsids[fmt.Sprintf("trap-%d", i)] = 100
	}
	process := startNamed(t, getsids, call(unix.SYS_GETPPID), call(unix.SYS_GETPID), call(unix.SYS_GETTID), call(unix.SYS_GETUID))
	opts.GroupBy, opts.Rows = GroupByProcess, 1 // as other tests have it, who share its maps
	if !dear {
		opts.GroupBy = []GroupBy{GroupByComm, GroupByProcess, GroupByCgroup}[(int(opts.Mode)+opts.Sample)%3]
	}
	tracer := r.watchAll(t, opts, process)
	process.Poke()
	process.Finish()
	wantCalls(t, tracer, calls{
		own(unix.SYS_CLONE): {20, 0}, own(unix.SYS_PRCTL): {20, 0}, own(unix.SYS_GETSID): {2000, 0},
		own(unix.SYS_GETPPID): {1, 0}, own(unix.SYS_GETPID): {1, 0}, own(unix.SYS_GETTID): {1, 0}, own(unix.SYS_GETUID): {1, 0},
	})
	var inRest uint64
	for _, row := range sums(t, tracer.Tracer)[Group{}] {
		inRest += row.Count
	}
	c := wantBalanceOf(t, tracer)
	if c.RowsOverflowed == 0 || c.RowsOverflowed != inRest || c.RowsFailed != 0 {
		t.Errorf("grouped by %d: %d calls overflowed, %d are in the rows of the rest, %d failed", opts.GroupBy, c.RowsOverflowed, inRest, c.RowsFailed)
	}
}

// A process is told of by the name that it had at its end: that of the program that it has
// become.
func TestTheLastNameOfAProcessWins(t *testing.T) {
	p := bpftest.NewProgram()
	process := p.Start(t, call(unix.SYS_GETPPID).Times(3), call(unix.SYS_PRCTL, unix.PR_SET_NAME, p.Text("renamed")),
		call(unix.SYS_GETPPID).Times(3), call(unix.SYS_GETSID, 0), exit())
	tracer := newRig(t).watch(t, Options{GroupBy: GroupByProcess, Rows: 4096}, process)
	process.Poke()
	process.Finish()
	if _, name := groupOf(t, tracer.Tracer, process.PID()); name.Comm != "renamed" && tracer.skipped(t) == 0 {
		t.Errorf("name %+v; want renamed", name)
	}
}
