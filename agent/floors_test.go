package agent

import (
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

const placedPolicy = quiet + `
[[rule]]
name = "db"
syscalls = ["fsync"]
units = ["db*.service"]
threshold = "1ms"
[[rule]]
name = "rejected"
syscalls = ["fsync"]
units = ["web.service"]
result = "failed"
action = "ignore"
[[rule]]
name = "others"
syscalls = ["fsync"]
threshold = "1s"
`

// Cgroups of placedPolicy's units.
const (
	dbGroup = iota + 11
	webGroup
	otherGroup
	unknownGroup
)

func runPlaced(t *testing.T, text string) *rig {
	t.Helper()
	r := runAgent(t, text)
	r.kernel().cgroups[dbGroup] = "/system.slice/db1.service"
	r.kernel().cgroups[webGroup] = "/system.slice/web.service"
	r.kernel().cgroups[otherGroup] = "/system.slice/other.service"
	return r
}

// fsyncOf is one that took so long and succeeded.
func fsyncOf(took time.Duration, cgroup uint64) *bpf.SlowCall {
	call := slowFsync(took, cgroup)
	call.Ret = 0
	return call
}

func failed(call *bpf.SlowCall) *bpf.SlowCall { call.Ret = -5; return call }

// ends has calls end that the kernel side hands over, and says how many these are.
func (r *rig) ends(calls ...*bpf.SlowCall) (handedOver int) {
	r.t.Helper()
	for _, call := range calls {
		if r.kernel().handsOver(call) {
			handedOver++
			r.returns(call)
		}
	}
	return handedOver
}

// What one unit's rule asks for the kernel hands over from everywhere only until it is told where a call was made; and
// each slow call has its record, before and after.
func TestTheKernelIsToldWhichRulesACgroupHas(t *testing.T) {
	r := runPlaced(t, placedPolicy)
	for _, round := range []struct {
		name string
		want int // of five calls
	}{{"each is told of after its first call", 4}, {"all are told of", 2}} {
		got := r.ends(fsyncOf(5*time.Millisecond, dbGroup), fsyncOf(5*time.Millisecond, webGroup), fsyncOf(5*time.Millisecond, otherGroup),
			failed(fsyncOf(2*time.Second, webGroup)), fsyncOf(2*time.Second, webGroup))
		if got != round.want {
			t.Errorf("%s: %d calls handed over; want %d", round.name, got, round.want)
		}
		slow := only[*record.Slow](r.out.take())
		if len(slow) != 2 || slow[0].Rule != "db" || slow[1].Rule != "others" {
			t.Errorf("%s: %d slow records: %+v", round.name, len(slow), slow)
		}
	}
	if n := len(r.kernel().sets); n != 3 {
		t.Errorf("%d sets of floors for 3 areas", n)
	}
}

func TestCgroupsWithTheSameRulesShareASet(t *testing.T) {
	r := runPlaced(t, placedPolicy)
	r.kernel().cgroups[21] = "/system.slice/db2.service"
	r.ends(fsyncOf(5*time.Millisecond, dbGroup), fsyncOf(5*time.Millisecond, 21))
	if k := r.kernel(); len(k.sets) != 1 || k.assigned[dbGroup] != k.assigned[21] || len(k.assigned) != 2 {
		t.Errorf("%d sets, assigned %v", len(k.sets), k.assigned)
	}
}

// Another threshold or policy makes all go by the lowest floors, and be assigned anew.
func TestAChangeAssignsAnew(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"thresholds": func(r *rig) { r.do(SetThreshold{"read", time.Second}) },
		"a policy": func(r *rig) {
			r.policy = placedPolicy + "[[rule]]\nname = \"more\"\nsyscalls = [\"getppid\"]\nthreshold = \"1s\"\n"
			r.do(Reload{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := runPlaced(t, placedPolicy)
			r.ends(fsyncOf(5*time.Millisecond, otherGroup))
			if r.ends(fsyncOf(5*time.Millisecond, otherGroup)) != 0 {
				t.Fatal("the cgroup was not assigned")
			}
			change(r)
			if r.ends(fsyncOf(5*time.Millisecond, otherGroup)) != 1 {
				t.Error("the change left an assignment of the policy before")
			}
			if r.ends(fsyncOf(5*time.Millisecond, otherGroup)) != 0 {
				t.Error("the cgroup was not assigned anew")
			}
		})
	}
}

// What cannot be told is handed over, and judged as ever.
func TestWithoutAnAssignmentAllIsHandedOver(t *testing.T) {
	for name, prepare := range map[string]func(*rig) uint64{
		"no room":      func(r *rig) uint64 { r.kernel().noRoom = true; return otherGroup },
		"unknown path": func(*rig) uint64 { return unknownGroup },
	} {
		t.Run(name, func(t *testing.T) {
			r := runPlaced(t, placedPolicy)
			cgroup := prepare(r)
			for range 2 {
				if r.ends(fsyncOf(5*time.Millisecond, cgroup)) != 1 || len(r.kernel().assigned) != 0 {
					t.Errorf("not handed over; assigned %v", r.kernel().assigned)
				}
			}
			if got := only[*record.Slow](r.out.take()); len(got) != 0 {
				t.Errorf("%d slow records", len(got))
			}
		})
	}
}

func TestAPolicyWithoutPlacesAssignsNothing(t *testing.T) {
	r := runPlaced(t, quiet+"[[rule]]\nname = \"failures\"\nsyscalls = [\"fsync\"]\nresult = \"failed\"\nthreshold = \"1ms\"\n")
	if got := r.ends(fsyncOf(5*time.Millisecond, dbGroup), failed(fsyncOf(5*time.Millisecond, dbGroup))); got != 1 {
		t.Errorf("%d handed over; want the one that failed", got)
	}
	if k := r.kernel(); len(k.sets)+len(k.assigned) != 0 {
		t.Errorf("%d sets, assigned %v", len(k.sets), k.assigned)
	}
}

// A cgroup that is gone leaves its room to others.
func TestAGoneCgroupIsForgotten(t *testing.T) {
	r := runPlaced(t, placedPolicy)
	r.ends(fsyncOf(5*time.Millisecond, otherGroup))
	r.inside(func() { must(t, r.session.forgetCgroups([]uint64{otherGroup})) })
	if k := r.kernel(); len(k.assigned)+len(r.session.floors.seen) != 0 {
		t.Errorf("assigned %v, seen %v", k.assigned, r.session.floors.seen)
	}
}
