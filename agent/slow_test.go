package agent

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/record/recordtest"
	"github.com/syscountd/syscountd/bpf"
)

const slowPolicy = quiet + `
[slow]
threshold = "100ms"
[[rule]]
name = "sync-to-disk"
syscalls = ["@sync"]
units = ["postgresql*.service"]
threshold = "20ms"
severity = "err"
[limits]
records_per_second = 1
burst = 2
`

// slowFsync ended now.
func slowFsync(took time.Duration, cgroup uint64) *bpf.SlowCall {
	now := monoNs()
	return &bpf.SlowCall{
		Syscall: fsync, StartNs: now - uint64(took), EndNs: now, Ret: -5, Args: []uint64{7, 0, 0, 0, 0, 0},
		FDKind: 1, PID: uint32(os.Getpid()), TID: 43, Parent: 1, UID: 113, Comm: "postgres", Cgroup: cgroup,
		ProcessStartNs: 12_340_000_000,
	}
}

// next waits for slow calls to arrive in the sink.
func (r *rig) next(n int) (slow []*record.Slow) {
	r.t.Helper()
	for len(slow) < n {
		select {
		case <-r.out.arrived:
			slow = append(slow, only[*record.Slow](r.out.take())...)
		case <-time.After(10 * time.Second):
			r.t.Fatalf("%d slow records in 10 s; want %d", len(slow), n)
		}
	}
	return slow
}

func TestASlowCallBecomesARecord(t *testing.T) {
	r := runAgent(t, slowPolicy)
	r.kernel().cgroups[5] = "/system.slice/system-postgresql.slice/postgresql@15-main.service"
	call := slowFsync(50*time.Millisecond, 5)
	r.kernel().slow <- slowOrError{call: call}
	got := r.next(1)[0]
	recordtest.Validate(t, record.Marshal(got))
	if got.Rule != "sync-to-disk" || got.ThresholdNs != 20e6 || got.DurationNs != 50e6 || got.Level != "ERROR" {
		t.Errorf("verdict %s %d %d %s", got.Rule, got.ThresholdNs, got.DurationNs, got.Level)
	}
	if got.Syscall.Name != "fsync" || got.Syscall.Errno != "EIO" || got.Syscall.Args[0] != "0x7" || got.File.Kind != "file" || got.File.FD != 7 {
		t.Errorf("call %+v on %+v", got.Syscall, got.File)
	}
	if got.Systemd.Unit != "postgresql@15-main.service" || got.Systemd.Slice != "system-postgresql.slice" || got.Process.Comm != "postgres" || got.Process.User.ID != 113 {
		t.Errorf("who: %+v %+v", got.Systemd, got.Process)
	}
	if got.Monotonic.EndNs != call.EndNs || got.Monotonic.StartNs != call.StartNs {
		t.Errorf("bracket %+v", got.Monotonic)
	}
	ended, err := time.Parse(time.RFC3339Nano, got.Time)
	if err != nil || time.Since(ended) > time.Minute || time.Since(ended) < 0 {
		t.Errorf("time %s, %v", got.Time, err)
	}
	// Our own PID with another start time: its name must not be lent.
	if got.Process.CommandLine != "" || got.Process.Executable.Path != "" {
		t.Errorf("details of another process: %+v", got.Process)
	}
}

func TestACallUnderTheThresholdOfItsRuleIsNoRecord(t *testing.T) {
	r := runAgent(t, slowPolicy)
	r.kernel().cgroups[6] = "/system.slice/other.service"
	r.kernel().slow <- slowOrError{call: slowFsync(50*time.Millisecond, 6)} // the default's 100 ms decide
	r.kernel().slow <- slowOrError{call: slowFsync(150*time.Millisecond, 6)}
	if got := r.next(1); len(got) != 1 || got[0].DurationNs != 150e6 || got[0].Rule != "default" {
		t.Errorf("records %+v", got)
	}
	r.do(Flush{})
	if c := r.Status().Counters; c["not_slow"] != 1 || c["slow_records"] != 1 {
		t.Errorf("counters %v", c)
	}
}

func TestWhatTheLimitsHoldBackIsToldWithTheInterval(t *testing.T) {
	r := runAgent(t, slowPolicy)
	for range 5 {
		r.kernel().slow <- slowOrError{call: slowFsync(200*time.Millisecond, 6)}
	}
	r.do(Stop{}) // reads all that was handed over
	records := r.out.take()
	if n := len(only[*record.Slow](records)); n != 2 {
		t.Errorf("%d records; the burst is 2", n)
	}
	var held *record.Suppression
	for _, s := range only[*record.State](records) {
		if s.Change == record.ChangeSuppressed {
			held = s.Suppressed
		}
	}
	if held == nil || held.Count != 3 || held.Rule != "default" || held.WorstNs != 200e6 || held.TotalNs != 600e6 {
		t.Fatalf("held back: %+v", held)
	}
	if got := only[*record.Interval](records)[0]; got.Drops["suppressed"] != 3 || got.Slow != 5 {
		t.Errorf("interval %+v", got)
	}
}

func TestHostileNamesStayInTheirStrings(t *testing.T) {
	r := runAgent(t, slowPolicy)
	call := slowFsync(200*time.Millisecond, 6)
	call.Comm = "a\n\x1b[31m\",\"x\":\"\xff"
	r.kernel().slow <- slowOrError{call: call}
	line := record.Marshal(r.next(1)[0])
	recordtest.Validate(t, line)
	if strings.ContainsAny(string(line), "\n\x1b\xff") {
		t.Errorf("raw bytes in %q", line)
	}
}

func TestAReaderThatBreaksEndsTheService(t *testing.T) {
	r := runAgent(t, slowPolicy)
	r.breaks = true
	r.kernel().slow <- slowOrError{err: os.ErrInvalid}
	<-r.done
	if err := r.stop(); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("run: %v; want the reader's error", err)
	}
	if finals := only[*record.Interval](r.out.take()); len(finals) != 1 || !finals[0].Final {
		t.Errorf("no final summary: %+v", finals)
	}
}

func TestErrnoNames(t *testing.T) {
	for ret, want := range map[int64]string{0: "", 5: "", -2: "ENOENT", -512: "", -516: "", -4095: "errno 4095", -4096: "", -1 << 63: ""} {
		if got := errnoName(ret); got != want {
			t.Errorf("%d is %q, want %q", ret, got, want)
		}
	}
}

func TestTheTableOfDescriptorCallsIsSorted(t *testing.T) {
	for i := 1; i < len(fdCalls); i++ {
		if fdCalls[i-1] >= fdCalls[i] {
			t.Errorf("%q stands before %q", fdCalls[i-1], fdCalls[i])
		}
	}
	for name, want := range map[string]bpf.Trait{
		"fsync": bpf.TraitFDFirst, "openat": bpf.TraitFDResult, "getppid": 0, "unlinkat": 0, "vfork": bpf.TraitFork,
	} {
		if got := traitsOf(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
