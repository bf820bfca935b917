package agent

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

const learning6h = quiet + `
[[rule]]
name = "unusual"
syscalls = ["@sync"]
threshold = "auto"
[learn]
floor = "5ms"
`

// live lets four parts of the window pass in which each fsync of a unit takes 4 ms.
func (r *rig) live(cgroup uint64) {
	r.t.Helper()
	for range 4 {
		for range 100 {
			r.kernel().call(bpf.Group{ID: cgroup}, fsync, 4e6)
		}
		r.pass(16 * time.Minute)
		r.do(Flush{})
	}
}

// judged says which of two calls of a unit were slow: one of 15 ms, and one of 30 ms.
func (r *rig) judged(cgroup uint64) (short, long bool) {
	r.t.Helper()
	r.written()
	r.returns(slowFsync(15*time.Millisecond, cgroup), slowFsync(30*time.Millisecond, cgroup))
	for _, s := range only[*record.Slow](r.written()) {
		if s.Rule != "unusual" || s.ThresholdNs < 18e6 || s.ThresholdNs > 22e6 {
			r.t.Errorf("record %s %d", s.Rule, s.ThresholdNs)
		}
		short, long = short || s.DurationNs == 15e6, long || s.DurationNs == 30e6
	}
	return short, long
}

func TestThresholdsAreLearnedByUnitAndKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "learned.json")
	r := runAgentWith(t, learning6h, file)
	r.kernel().cgroups[5] = "/system.slice/db.service"
	r.kernel().cgroups[6] = "/system.slice/new.service"
	if short, long := r.judged(5); short || long {
		t.Errorf("slow before anything was learned: %v, %v", short, long)
	}
	r.live(5)
	if short, long := r.judged(5); short || !long {
		t.Errorf("15 ms is slow: %v, 30 ms: %v", short, long)
	}
	if short, long := r.judged(6); short || long {
		t.Errorf("of a unit of which nothing is known: %v, %v", short, long)
	}
	r.do(Flush{})
	if got := r.Status().Learned; len(got) != 1 || got[0].Unit != "db.service" || got[0].Syscall != "fsync" || got[0].Threshold < 18*time.Millisecond {
		t.Errorf("status %+v", got)
	}
	must(t, r.stop())
	if text, err := os.ReadFile(file); err != nil || len(text) < 50 {
		t.Fatalf("the file: %q, %v", text, err)
	}

	again := runAgentWith(t, learning6h, file) // an hour before the file was written
	if got := again.Status().Learned; got != nil {
		t.Errorf("learned in the future: %+v", got)
	}
}

func TestWhatWasLearnedSurvivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "learned.json")
	seen := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	must(t, os.WriteFile(file, []byte(`{"version":1,"rows":[{"unit":"db.service","syscall":"fsync","threshold_ns":20000000,"quantiles_ns":[4000000,4000000,4000000],"seen":"`+seen+`"}]}`), 0o600))
	r := runAgentWith(t, learning6h, file)
	r.kernel().cgroups[5] = "/system.slice/db.service"
	if short, long := r.judged(5); short || !long {
		t.Errorf("15 ms is slow: %v, 30 ms: %v", short, long)
	}
}

func TestAFileThatIsBrokenIsNoReasonNotToStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "learned.json")
	must(t, os.WriteFile(file, []byte("{"), 0o600))
	r := runAgentWith(t, learning6h, file)
	if got := r.Status().Learned; got != nil {
		t.Errorf("learned %+v", got)
	}
}

// Without a rule that wants it, nothing is learned and no file written.
func TestNothingIsLearnedThatNobodyAskedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "learned.json")
	r := runAgentWith(t, quiet, file)
	r.kernel().cgroups[5] = "/system.slice/db.service"
	r.live(5)
	must(t, r.stop())
	if _, err := os.Stat(file); err == nil || r.Status().Learned != nil {
		t.Errorf("%v, %+v", err, r.Status().Learned)
	}
}
