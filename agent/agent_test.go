package agent

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
)

const quiet = "[collect]\ninterval = \"1h\"\n"

const byProcess = quiet + "group_by = \"process\"\n"

func TestItStartsAttachedAndSaysSo(t *testing.T) {
	r := runAgent(t, quiet)
	states := only[*record.State](r.out.take())
	if len(states) != 1 || states[0].Change != record.ChangeStarted || states[0].Attachment != "fake" || states[0].Mode != "account" {
		t.Fatalf("states %+v", states)
	}
	if s := r.Status(); s.State != "running" || !strings.Contains(s.Sentence, "whole host") {
		t.Errorf("status %+v", s)
	}
	if !r.kernel().attached {
		t.Error("not attached")
	}
}

func TestAnIntervalHasARowPerGroupAndSyscall(t *testing.T) {
	r := runAgent(t, quiet)
	k := r.kernel()
	k.cgroups[7] = "/system.slice/nginx.service"
	k.cgroups[8] = "/system.slice/nginx.service/worker"
	k.cgroups[9] = "/orphans"
	r.out.take()
	k.call(bpf.Group{ID: 7}, getppid, 1000)
	k.call(bpf.Group{ID: 8}, getppid, 3000)
	k.call(bpf.Group{ID: 9}, getppid, 500)
	k.call(bpf.Group{}, fsync, 100)
	r.do(Flush{})
	records := r.out.take()
	for _, rec := range records {
		recordtest.Validate(t, record.Marshal(rec))
	}
	found := map[string]string{}
	for _, s := range only[*record.Summary](records) {
		found[s.Systemd.Unit+s.Cgroup] = fmt.Sprintf("%s %d %d other=%v", s.Syscall.Name, s.Count, s.TotalNs, s.Other)
	}
	for group, want := range map[string]string{
		"nginx.service": "getppid 2 4000 other=false", "/orphans": "getppid 1 500 other=false", "": "fsync 1 100 other=true",
	} {
		if found[group] != want {
			t.Errorf("group %q: %q; want %q", group, found[group], want)
		}
	}
	intervals := only[*record.Interval](records)
	if len(intervals) != 1 || intervals[0].Count != 4 || intervals[0].Rows != 3 || intervals[0].Balance.Residual != 0 || intervals[0].Final {
		t.Errorf("intervals %+v", intervals)
	}
}

func TestRowsBelowTheTopAreFolded(t *testing.T) {
	r := runAgent(t, quiet+"group_by = \"none\"\ntop = 1\n")
	r.kernel().call(bpf.Group{}, getppid, 10)
	r.kernel().call(bpf.Group{}, fsync, 5000)
	r.kernel().call(bpf.Group{}, nanos, 1_000_000)
	r.do(Flush{})
	summaries := only[*record.Summary](r.out.take())
	if len(summaries) != 2 || summaries[0].Syscall.Name != "fsync" || summaries[0].Other {
		t.Fatalf("summaries %+v", summaries)
	}
	if s := summaries[1]; !s.Other || s.Count != 2 || s.TotalNs != 1_000_010 || s.Syscall.Name != "" {
		t.Errorf("folded row %+v", s)
	}
}

func TestRowsOfADeadProcessAreReportedOnceAndFreed(t *testing.T) {
	r := runAgent(t, byProcess)
	k := r.kernel()
	dead := bpf.Group{ID: 123, PID: 99}
	k.procs[dead] = bpf.ProcessName{Comm: "make", UID: 5, Exited: true}
	k.call(dead, getppid, 100)
	r.do(Flush{})
	summaries := only[*record.Summary](r.out.take())
	if len(summaries) != 1 || summaries[0].Process.PID != 99 || summaries[0].Process.Comm != "make" || summaries[0].Process.User.ID != 5 {
		t.Fatalf("summaries %+v", summaries)
	}
	if len(k.rows) != 0 || len(k.procs) != 0 {
		t.Errorf("%d rows and %d names are left in the kernel", len(k.rows), len(k.procs))
	}
	r.do(Flush{})
	if again := only[*record.Summary](r.out.take()); len(again) != 0 {
		t.Errorf("reported again: %+v", again)
	}
}

func TestSummaryLooksWithoutEndingTheInterval(t *testing.T) {
	r := runAgent(t, byProcess)
	k := r.kernel()
	g := bpf.Group{ID: 1, PID: 42}
	k.procs[g] = bpf.ProcessName{Comm: "dd"}
	for range 3 {
		k.call(g, getppid, 1000)
	}
	k.call(g, fsync, 9000)
	for range 2 {
		rows, err := r.Summary(t.Context(), 1)
		if err != nil || len(rows) != 2 || rows[0].Group != "dd[42]" || rows[0].Syscall != "fsync" || rows[1].Group != "(others)" || rows[1].Count != 3 {
			t.Fatalf("rows %+v, %v", rows, err)
		}
	}
}

func TestStopWritesTheFinalSummaryAndDetaches(t *testing.T) {
	r := runAgent(t, quiet+"group_by = \"none\"\n")
	k := r.kernel()
	k.call(bpf.Group{}, getppid, 10)
	r.out.take()
	r.do(Stop{})
	records := r.out.take()
	summaries, intervals := only[*record.Summary](records), only[*record.Interval](records)
	if len(summaries) != 1 || !summaries[0].Final || len(intervals) != 1 || !intervals[0].Final {
		t.Fatalf("records %+v", records)
	}
	states := only[*record.State](records)
	if len(states) != 1 || states[0].Change != record.ChangeStopped || states[0].Caller.PID != root.PID {
		t.Errorf("states %+v", states)
	}
	select {
	case <-k.closed:
	default:
		t.Error("the kernel side is still loaded")
	}
	if s := r.Status(); s.State != "stopped" || s.Counters["matched"] != 1 {
		t.Errorf("status %+v", s)
	}
	r.do(Stop{}) // again is harmless
	r.do(Flush{})
	r.do(Start{})
	r.do(Start{})
	if len(r.kernels) != 2 || r.Status().State != "running" {
		t.Errorf("%d sessions, status %+v", len(r.kernels), r.Status())
	}
	r.kernel().call(bpf.Group{}, getppid, 10)
	r.do(Flush{})
	if n := r.Status().Counters["matched"]; n != 2 {
		t.Errorf("%d calls matched in both sessions; want 2", n)
	}
}

func TestTheEndOfTheServiceIsAFinalSummary(t *testing.T) {
	r := runAgent(t, quiet)
	r.kernel().call(bpf.Group{}, getppid, 10)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if finals := only[*record.Interval](r.out.take()); len(finals) != 1 || !finals[0].Final {
		t.Errorf("intervals %+v", finals)
	}
	r.refusedStopping()
}

func (r *rig) refusedStopping() {
	if err := r.Do(r.t.Context(), root, Flush{}); err == nil || !strings.Contains(err.Error(), "stopping") {
		r.t.Errorf("after the end: %v", err)
	}
}

func TestRetargetingNamesTheCallerAndSplitsTheInterval(t *testing.T) {
	r := runAgent(t, quiet+"group_by = \"none\"\n")
	r.kernel().call(bpf.Group{}, getppid, 10)
	r.out.take()
	r.do(SetFilter{Filter{PIDs: []uint32{uint32(os.Getpid())}, Units: []string{"nginx.service"}}})
	records := r.out.take()
	if len(only[*record.Interval](records)) != 1 {
		t.Error("calls from before the change are not in an interval of their own")
	}
	states := only[*record.State](records)
	if len(states) != 1 || states[0].Change != record.ChangeRetargeted || *states[0].Caller != (record.Caller{UserID: 0, PID: 4711, Via: "dbus"}) {
		t.Fatalf("states %+v", states)
	}
	f := r.kernel().filter
	if len(f.PIDFDs) != 1 || strings.Join(f.CgroupNames, " ") != "nginx.service _nginx.service" {
		t.Errorf("kernel filter %+v", f)
	}
	if got := r.Status().Filter; len(got.PIDs) != 1 || len(got.Units) != 1 {
		t.Errorf("status filter %+v", got)
	}
	r.do(SetFilter{})
	if f := r.kernel().filter; len(f.PIDFDs)+len(f.CgroupNames)+len(f.CgroupIDs) != 0 {
		t.Errorf("kernel filter after clear: %+v", f)
	}
}

func TestBadTargetsAreRefusedAndNothingChanges(t *testing.T) {
	r := runAgent(t, quiet)
	r.do(SetFilter{Filter{Units: []string{"a.service"}}})
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		filter   Filter
		kind     error
		sentence string
	}{
		{Filter{PIDs: []uint32{0}}, ErrInvalid, "pid 0 is no process"},
		{Filter{PIDs: []uint32{4294967291}}, ErrInvalid, "from 1 to 4194304"},
		{Filter{PIDs: []uint32{uint32(child.Process.Pid)}}, ErrNoSuchProcess, "no process with pid"},
		{Filter{Units: []string{""}}, ErrInvalid, "no name of a unit"},
		{Filter{Units: []string{"nginx"}}, ErrInvalid, "nginx.service"},
		{Filter{Units: []string{"a/b.service"}}, ErrInvalid, "no name of a unit"},
		{Filter{Units: []string{"x\n.service"}}, ErrInvalid, `"x\n.service"`},
		{Filter{Units: []string{strings.Repeat("a", 260) + ".service"}}, ErrInvalid, "no name of a unit"},
		{Filter{Cgroups: []string{"relative"}}, ErrInvalid, "no cgroup"},
		{Filter{Cgroups: []string{"/nowhere"}}, ErrNoSuchUnit, "/nowhere"},
		{Filter{Syscalls: []string{"fdatasink"}}, ErrInvalid, "fdatasync"},
		{Filter{PIDs: make([]uint32, 1000)}, ErrInvalid, "at most 128"},
	} {
		r.refused(SetFilter{test.filter}, test.kind, test.sentence)
	}
	if got := r.kernel().filter.CgroupNames; len(got) != 2 {
		t.Errorf("the kernel's filter has changed: %q", got)
	}
}

func TestAThreadIsNoTarget(t *testing.T) {
	r := runAgent(t, quiet)
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var tid uint32
		if fmt.Sscan(e.Name(), &tid); tid != uint32(os.Getpid()) {
			r.refused(SetFilter{Filter{PIDs: []uint32{tid}}}, ErrInvalid, "is a thread")
			return
		}
	}
	t.Fatal("this process has one thread only")
}

func TestAKernelThatRefusesLeavesTheFilter(t *testing.T) {
	r := runAgent(t, quiet)
	r.kernel().refuse = fmt.Errorf("no memory")
	r.refused(SetFilter{Filter{Units: []string{"a.service"}, Syscalls: []string{"fsync"}}}, ErrKernel, "no memory")
	if r.kernel().settings["getppid"].Traits&bpf.TraitObserved == 0 {
		t.Error("the kernel side has the refused filter's syscalls")
	}
	r.kernel().refuse = nil
}

func TestWhatIsMissingIsAnnounced(t *testing.T) {
	r := runAgent(t, quiet)
	r.inside(func() { r.kernel().counters.RingFull = 3 })
	r.out.take()
	r.do(Flush{})
	states := only[*record.State](r.written())
	if len(states) != 1 || states[0].Change != record.ChangeDrops || states[0].Detail != "ring_full 3, 3 since the start" {
		t.Errorf("states %+v", states)
	}
	r.inside(func() { r.kernel().counters.RingFull = 5 })
	r.do(Flush{})
	if states := only[*record.State](r.written()); len(states) != 1 || states[0].Detail != "ring_full 2, 5 since the start" {
		t.Errorf("states %+v", states)
	}
	r.do(Flush{})
	if states := only[*record.State](r.written()); len(states) != 0 {
		t.Errorf("announced again: %+v", states)
	}
}

// A reload whose new programs cannot be attached leaves the old policy.
func TestAReloadThatCannotAttachGoesBack(t *testing.T) {
	r := runAgent(t, byProcess)
	k := r.kernel()
	k.refuseReplace = fmt.Errorf("no tracepoint")
	r.policy = quiet + "group_by = \"none\"\n"
	r.refused(Reload{}, ErrKernel, "no tracepoint")
	if k.options.GroupBy != bpf.GroupByProcess || !k.attached || len(r.kernels) != 1 {
		t.Errorf("the session is %+v, attached %v; want the old policy's", k.options, k.attached)
	}
	r.out.take()
	k.call(bpf.Group{ID: 1, PID: 2}, getppid, 10)
	r.do(Flush{})
	if summaries := only[*record.Summary](r.written()); len(summaries) != 1 || summaries[0].Process.PID != 2 {
		t.Errorf("summaries %+v; want one of the process", summaries)
	}
	k.refuseReplace = nil
	r.do(Reload{})
	if s := r.Status(); s.State != "running" || k.options.GroupBy != bpf.GroupByNone {
		t.Errorf("status %+v", s)
	}
}

// The rows of the old groups are told to their end, those of the new ones from their
// beginning.
func TestOtherGroupsHaveOtherRows(t *testing.T) {
	r := runAgent(t, byProcess)
	k := r.kernel()
	k.call(bpf.Group{ID: 1, PID: 2}, getppid, 10)
	r.do(Flush{})
	k.call(bpf.Group{ID: 1, PID: 2}, getppid, 10)
	r.out.take()
	for _, groupBy := range []string{"none", "process"} {
		r.policy = quiet + "group_by = \"" + groupBy + "\"\n"
		r.do(Reload{})
		if summaries := only[*record.Summary](r.written()); len(summaries) != 1 || summaries[0].Count != 1 {
			t.Errorf("%s: summaries %+v; want one of the call before", groupBy, summaries)
		}
		k.call(bpf.Group{ID: 1, PID: 2}, getppid, 10)
	}
	r.do(Flush{})
	if summaries := only[*record.Summary](r.written()); len(summaries) != 1 || summaries[0].Count != 1 || k.replaced != 2 {
		t.Errorf("summaries %+v after %d replacements", summaries, k.replaced)
	}
}

func TestThresholdsReachTheKernelAndGoBack(t *testing.T) {
	r := runAgent(t, quiet+"[slow]\nthreshold = \"1s\"\n[[rule]]\nname = \"sync\"\nsyscalls = [\"fsync\"]\nthreshold = \"20ms\"\n")
	s := r.kernel().settings
	if s["fsync"].ThresholdNs != 20e6 || s["getppid"].ThresholdNs != 1e9 || s["nanosleep"].ThresholdNs != bpf.Never {
		t.Fatalf("settings %+v", s)
	}
	if s["fsync"].Traits != bpf.TraitFDFirst|bpf.TraitObserved || s["getppid"].Traits != bpf.TraitObserved ||
		s["execve"].Traits != bpf.TraitNewRegisters|bpf.TraitObserved {
		t.Errorf("settings %+v", s)
	}
	r.do(SetThreshold{"fsync", 5 * time.Millisecond})
	r.do(SetThreshold{"nanosleep", time.Second})
	r.do(SetThreshold{"fsync", 7 * time.Millisecond})
	s = r.kernel().settings
	if s["fsync"].ThresholdNs != 7e6 || s["nanosleep"].ThresholdNs != 1e9 {
		t.Errorf("settings %+v", s)
	}
	if got := r.Status().Thresholds; len(got) != 2 || got[1] != (Threshold{"fsync", 7 * time.Millisecond}) {
		t.Errorf("status %+v", got)
	}
	r.refused(SetThreshold{"fsync", 0}, ErrInvalid, "between")
	r.refused(SetThreshold{"fsync", 1 << 62}, ErrInvalid, "between")
	r.refused(SetThreshold{"nosuch", time.Second}, ErrInvalid, "unknown syscall")
	r.do(ResetThresholds{})
	if s := r.kernel().settings; s["fsync"].ThresholdNs != 20e6 || s["nanosleep"].ThresholdNs != bpf.Never {
		t.Errorf("settings after the reset %+v", s)
	}
}

func TestReload(t *testing.T) {
	r := runAgent(t, byProcess+"[slow]\nthreshold = \"1s\"\n")
	r.do(SetFilter{Filter{Units: []string{"a.service"}}})
	r.out.take()

	r.policy = byProcess + "[slow]\nthreshold = \"2s\"\n"
	r.do(Reload{})
	if n := r.kernel().settings["getppid"].ThresholdNs; n != 2e9 || len(r.kernels) != 1 {
		t.Errorf("threshold %d in session %d; want 2e9 in the first", n, len(r.kernels))
	}
	if got := r.Status().Filter.Units; len(got) != 1 {
		t.Error("a reload that did not change [filter] has dropped the one set over the bus")
	}
	if states := only[*record.State](r.out.take()); len(states) != 1 || states[0].Change != record.ChangeReloaded {
		t.Errorf("states %+v", states)
	}

	r.policy = "[slow]\nthreshold = -5\n"
	r.refused(Reload{}, ErrPolicy, "test.toml:2")
	states := only[*record.State](r.out.take())
	if len(states) != 1 || states[0].Change != record.ChangeReloadFailed || !strings.Contains(states[0].Detail, "test.toml:2") {
		t.Errorf("states %+v", states)
	}
	if n := r.kernel().settings["getppid"].ThresholdNs; n != 2e9 {
		t.Errorf("after the refusal: threshold %d", n)
	}

	r.kernel().call(bpf.Group{ID: 1, PID: 2}, getppid, 10)
	r.policy = quiet + "group_by = \"none\"\n[filter]\nunits = [\"b.service\"]\n"
	r.do(Reload{})
	if len(r.kernels) != 1 || r.kernel().replaced != 1 || r.kernel().options.GroupBy != bpf.GroupByNone || !r.kernel().attached {
		t.Errorf("%d sessions, replaced %d times", len(r.kernels), r.kernel().replaced)
	}
	if got := r.Status().Filter.Units; len(got) != 1 || got[0] != "b.service" {
		t.Errorf("filter %q", got)
	}
	if summaries := only[*record.Summary](r.out.take()); len(summaries) != 1 || summaries[0].Count != 1 {
		t.Errorf("the old session's rows are lost: %+v", summaries)
	}
}

func TestAPolicyFilterIsInForceFromTheStart(t *testing.T) {
	r := runAgent(t, quiet+fmt.Sprintf("[filter]\npids = [%d]\nchildren = true\non_exit = \"clear\"\n", os.Getpid()))
	if f := r.Status().Filter; len(r.kernel().filter.PIDFDs) == 0 || !r.kernel().filter.Children || len(f.PIDs) != 1 || f.OnExit != OnExitClear {
		t.Errorf("kernel filter %+v", r.kernel().filter)
	}
	dead, err := policy.Parse("x", []byte("[filter]\npids = [4194304]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := New(r.env, dead).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "4194304") {
		t.Errorf("start with a dead target: %v", err)
	}
}

func TestFilterBySyscallReachesTheKernel(t *testing.T) {
	r := runAgent(t, quiet)
	r.do(SetFilter{Filter{Syscalls: []string{"@sync"}}})
	if s := r.kernel().settings; s["fsync"].Traits&bpf.TraitObserved == 0 || s["getppid"].Traits&bpf.TraitObserved != 0 {
		t.Errorf("settings %+v", s)
	}
}
