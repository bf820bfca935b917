package causes

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/bpf/bpftest"
	"github.com/syscountd/syscountd/test/foreground"
)

// A rule names one of two units, which make the same calls. The kernel side is told which rules they have
// after their first calls; a reload turns it around. Each call of the unit that the rule names is told of at all times, and
// none of the other's.
func TestRulesOfOneUnit(t *testing.T) {
	needRoot(t)
	const sleep, calls, rounds = 20 * time.Millisecond, 1, 2 // more than five of one unit would be an incident
	h := newHost(t)
	units := []string{"db.service", "web.service"}
	cgroups := map[string]*bpftest.Cgroup{}
	for _, unit := range units {
		cgroups[unit] = bpftest.NewCgroup(t, h.slice.Dir, unit)
	}
	policy := func(unit string) string {
		return policyFor(h, fmt.Sprintf("[[rule]]\nname = \"sleeps\"\nsyscalls = [\"nanosleep\"]\nunits = [%q]\nthreshold = \"10ms\"\n", unit))
	}
	s := foreground.Start(t, foreground.Build(t, "cmd/syscountd"), policy(units[0]))
	for i, named := range []string{units[0], units[1], units[0]} {
		if i > 0 {
			s.Reload(policy(named))
		}
		for range rounds {
			for _, unit := range units {
				p := bpftest.NewProgram()
				asked := unix.NsecToTimespec(int64(sleep))
				process := p.Start(t,
					bpftest.Call(unix.SYS_NANOSLEEP, p.Put(unsafe.Slice((*byte)(unsafe.Pointer(&asked)), unsafe.Sizeof(asked)))).Times(calls),
					bpftest.Call(unix.SYS_EXIT_GROUP, 0))
				cgroups[unit].Add(process.PID())
				process.Poke()
				process.Finish()
			}
		}
		want := calls * rounds * (i/2 + 1)
		s.Await("records of the unit that is named", func(r *foreground.Records) bool { return r.SlowCalls(named) >= want })
	}
	got := stop(t, s)
	for unit, want := range map[string]int{units[0]: 2 * calls * rounds, units[1]: calls * rounds} {
		if told := got.SlowCalls(unit); told != want {
			t.Errorf("%s: %d slow calls are told of; %d were made under a rule that names it", unit, told, want)
		}
	}
}
