package agent

import (
	"reflect"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// What the kernel side tells of a call, rules can ask for.
func TestPolicyCallHasAllFacts(t *testing.T) {
	call := slowFsync(time.Second, 5)
	call.Ret, call.UID, call.Executable = -28, 113, "/usr/bin/x"
	call.File, call.To = &bpf.File{Path: "/srv/a"}, &bpf.File{}
	call.Paths = []string{"../b"}
	call.Wait = &bpf.Wait{IONs: 1, RunqueueNs: 2, CPUNs: 3}
	at := place{cgroup: "/c"}
	at.Unit, at.ContainerID, at.Runtime = "u.service", "id", "docker"
	want := policy.Call{
		Syscall: "fsync", ABI: fsync.ABI, Unit: "u.service", Cgroup: "/c", ContainerID: "id", Runtime: "docker",
		Comm: "postgres", Executable: "/usr/bin/x", UID: 113, FDKind: "file", Paths: []string{"/srv/a", "../b"},
		Duration: time.Second, Errno: 28, Times: policy.Times{Known: true, IOWait: 1, Runqueue: 2, CPU: 3},
	}
	if got := policyCall(call, at); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	call.Stuck, call.Wait = true, nil
	if got := policyCall(call, at); got.Errno != 0 || !got.Open || got.Times.Known {
		t.Errorf("of an open call: %+v", got)
	}
	call.Stuck, call.Ret = false, -512 // the kernel's own: no error
	if got := policyCall(call, at); got.Errno != 0 {
		t.Errorf("a restart is error %d", got.Errno)
	}
}

// A late timer is a record, and one that waits as long as it asked for is not.
func TestATimerIsJudgedByItsOvershoot(t *testing.T) {
	r := runAgent(t, quiet+"[[rule]]\nname = \"late\"\nsyscalls = [\"nanosleep\"]\novershoot = \"20ms\"\n")
	sleep := func(took time.Duration) *bpf.SlowCall {
		call := slowFsync(took, 5)
		call.Syscall, call.FDKind, call.Ret, call.Timeout = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 35}, 0, 0, []uint64{1, 0}
		return call
	}
	r.returns(sleep(time.Second+19*time.Millisecond), sleep(time.Second+30*time.Millisecond))
	slow := only[*record.Slow](r.written())
	if len(slow) != 1 || slow[0].Rule != "late" || slow[0].Timing.OvershootNs != 30e6 || slow[0].ThresholdNs != 20e6 {
		t.Fatalf("records %+v", slow)
	}
	r.do(Flush{})
	if c := r.Status().Counters; c["not_slow"] != 1 {
		t.Errorf("counters %v", c)
	}
}
