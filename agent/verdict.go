package agent

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/decode"
	"github.com/syscountd/syscountd/agent/limit"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

func (a *Agent) verdict(call *bpf.SlowCall, at place) (policy.Verdict, bool) {
	facts := policyCall(call, at)
	if kind := a.openedKind(call); kind != policy.FDNone {
		facts.FDKind = kind
	}
	facts.Learned = a.learnedThreshold(facts.Unit, facts.Syscall)
	if timeout, ok := a.timeout(call); ok {
		facts.HasTimeout, facts.Overshoot = true, decode.Overshoot(timeout, facts.Duration)
	}
	return a.effective.Judge(facts)
}

// allowed says whether the limits let a record through.
func (a *Agent) allowed(v policy.Verdict, at place, took time.Duration) bool {
	return a.limit.Allow(a.mono(), limit.Record{Rule: v.Rule, Rate: v.Rate, Unit: at.Unit, Duration: took})
}

// policyCall is what rules may ask about a call, but for its time-out, which takes a clock.
func policyCall(call *bpf.SlowCall, at place) policy.Call {
	c := policy.Call{
		Syscall: syscalls.Name(call.Syscall), ABI: call.ABI, Unit: at.Unit, Units: at.units, Cgroup: at.cgroup,
		ContainerID: at.ContainerID, Runtime: at.Runtime, Comm: call.Comm, Executable: call.Executable, UID: call.UID,
		FDKind: call.FDKind.String(), Paths: pathsOf(call), Duration: time.Duration(call.DurationNs()),
		Open: call.Stuck, Errno: errnoOf(call),
	}
	if w := call.Wait; w != nil {
		c.Times = policy.Times{
			Known: true, IOWait: time.Duration(w.IONs), Runqueue: time.Duration(w.RunqueueNs), CPU: time.Duration(w.CPUNs),
		}
	}
	return c
}

// pathsOf are all paths that a call is on: those of its descriptors, and its arguments as
// the caller wrote them.
func pathsOf(call *bpf.SlowCall) []string {
	var paths []string
	for _, f := range []*bpf.File{call.File, call.To} {
		if f != nil && f.Path != "" {
			paths = append(paths, f.Path)
		}
	}
	return append(paths, call.Paths...)
}

// errnoOf is 0 for a call that did not fail, or has not returned.
func errnoOf(call *bpf.SlowCall) int {
	if call.Stuck || errnoName(call.Ret) == "" {
		return 0
	}
	return int(unix.Errno(-call.Ret))
}
