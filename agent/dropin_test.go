package agent

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
)

// A reload reads drop-ins, and tells all files; a broken one leaves the policy in force, and is
// named with its line and key.
func TestAReloadReadsDropIns(t *testing.T) {
	dir := t.TempDir()
	dropIns := filepath.Join(dir, "syscountd", "syscountd.toml.d")
	must(t, os.MkdirAll(dropIns, 0o755))
	main, good, bad := filepath.Join(dir, "syscountd", "syscountd.toml"), filepath.Join(dropIns, "10-good.toml"), filepath.Join(dropIns, "20-bad.toml")
	must(t, os.WriteFile(main, []byte(quiet), 0o600))
	must(t, os.WriteFile(good, []byte("[collect]\ninterval = \"30m\"\n"), 0o600))

	r := runAgent(t, quiet)
	r.inside(func() { r.env.Policy = func() (*policy.Policy, error) { return policy.LoadDirs([]string{dir}) } })
	r.do(Reload{})
	if s := r.Status(); s.Interval != 30*time.Minute || !slices.Equal(s.Policy, []string{main, good}) {
		t.Errorf("interval %v from %v", s.Interval, s.Policy)
	}
	r.written()

	must(t, os.WriteFile(bad, []byte("[collect]\ninterval = \"10m\"\ntop = 0\n"), 0o600))
	r.refused(Reload{}, ErrPolicy, bad+":3: collect.top = 0")
	if s := r.Status(); s.Interval != 30*time.Minute || len(s.Policy) != 2 {
		t.Errorf("interval %v from %v after the broken reload", s.Interval, s.Policy)
	}
	if states := only[*record.State](r.written()); len(states) != 1 || states[0].Change != record.ChangeReloadFailed {
		t.Errorf("states %+v", states)
	}
}
