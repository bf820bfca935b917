package causes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/test/foreground"
)

// collected are what the programs have to be others for, each time that it changes.
var collected = []struct {
	groupBy string
	waits   bool
	mode    string
}{
	{"cgroup", true, "account"}, {"process", true, "account"}, {"comm", false, "account"}, {"none", true, "account"},
	{"process", true, "count"}, {"comm", true, "watch"}, {"none", true, "account"},
}

// policyOfGroups is another one for each number, with these steps in turn.
func policyOfGroups(i, steps int, h *host, more string) string {
	c := collected[i%steps]
	policy := policyIn(c.mode, h, more)
	return strings.Replace(policy, "group_by = \"cgroup\"", fmt.Sprintf("group_by = %q\nwaits = %v", c.groupBy, c.waits), 1)
}

// restless are the causes that are left out beside the restful ones: of callers that are stopped,
// or held back by a quota, while other programs come, and of a futex, whose callers wait of their own
// accord too, one in some hundred calls has no record yet.
var restless = []string{"stopped", "futex", "frozen", "quota", "cpu at once"}

// Changes of groups, waits and modes while both CPUs are full: each slow call has one
// record.
func TestNoSlowCallIsLostOrDoubledWhenTheGroupsChange(t *testing.T) {
	needRoot(t)
	if !bpf.HasTaskWork() {
		t.Skip("this kernel has no BPF task work")
	}
	fuse, h := foreground.Build(t, "test/fusedelay"), newHost(t)
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policyOfGroups(0, len(collected), h, modesPolicy))
	loader := startChild(t, "loader", h.unit("loader.service"))
	loader.tell(job{Op: "make short calls", Ns: int64(time.Hour)})
	const changes = 5
	made := injectUntil(t, h, fuse, slices.Concat(restful, restless), func() {
		for i := 1; i <= changes; i++ {
			s.Reload(policyOfGroups(i, len(collected), h, modesPolicy))
		}
	})
	got := stop(t, s)
	lost := wantNoneTwice(t, made, got)
	wantNoResidual(t, got)
	t.Logf("%d calls in %d changes; %d have no record", len(made), changes, lost)
	if lost > len(made)/100 {
		t.Errorf("%d of %d calls have no record", lost, len(made))
	}
}

// wantNoneTwice wants no call to have two records, and counts those that have none: while all
// CPUs are full one in some hundred is not found yet.
func wantNoneTwice(t *testing.T, made []made, got foreground.Records) (lost int) {
	t.Helper()
	for _, call := range made {
		n := 0
		for _, r := range got.Slow {
			if call.is(r) {
				n++
			}
		}
		if n == 0 {
			lost++
		}
		if n > 1 {
			t.Errorf("%s, from %d to %d by %d: %d records", call.cause, call.Before, call.After, call.TID, n)
		}
	}
	return lost
}

// The sum over the intervals is the number of the calls that were made.
func TestCallsAreCountedExactlyWhenTheGroupsChange(t *testing.T) {
	needRoot(t)
	h := newHost(t)
	const policy, timed = "[stuck]\nafter = \"never\"\n", 4
	only := func(i int) string {
		return strings.Replace(policyOfGroups(i, timed, h, policy), "[filter]\n", "[filter]\nsyscalls = [\"getppid\"]\n", 1)
	}
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), only(0))
	results := make(chan result)
	const loaders = 3
	for i := range loaders {
		loader := startChild(t, "loader", h.unit(fmt.Sprintf("loader-%d.service", i)))
		loader.tell(job{Op: "make short calls", Ns: 15e9})
		go func() { results <- loader.hear() }()
	}
	changes := 0
	var calls uint64
	for ended := 0; ended < loaders; {
		select {
		case r := <-results:
			ended++
			calls += uint64(r.Ret)
		default:
			changes++
			s.Reload(only(changes))
		}
	}
	got := stop(t, s)
	var counted uint64
	for _, i := range got.Intervals {
		counted += i.Totals.Count
	}
	if counted != calls && got.SwitchesMissed() == 0 {
		t.Errorf("%d calls were counted; want %d", counted, calls)
	}
	wantNoResidual(t, got)
	t.Logf("%d calls in %d changes", calls, changes)
}

// wantNoResidual wants all events to add up, and each reload to have ended an interval.
func wantNoResidual(t *testing.T, got foreground.Records) {
	t.Helper()
	for n, i := range got.Intervals {
		if i.Balance != nil && i.Balance.Residual != 0 {
			t.Errorf("interval %d: the residual is %d: %+v", n, i.Balance.Residual, i.Balance)
		}
	}
	reloads := 0
	for _, state := range got.States {
		if state.Change == record.ChangeReloaded {
			reloads++
		}
	}
	if len(got.Intervals) != reloads+1 {
		t.Errorf("%d intervals; want one for each of %d reloads, and the last", len(got.Intervals), reloads)
	}
}
