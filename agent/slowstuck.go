package agent

import (
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// stuckRecord is slowRecord for a call that has not returned, reported for the
// so-manieth time.
func stuckRecord(call *bpf.SlowCall, v policy.Verdict, stack kernelStack, reports uint32) *record.Stuck {
	return &record.Stuck{
		Severity: int(v.Severity), Rule: v.Rule, Start: recordStart(call),
		AgeNs: call.DurationNs(), ThresholdNs: uint64(v.Threshold), Reports: reports,
		Monotonic: record.Monotonic{StartNs: call.StartNs, EndNs: call.EndNs},
		Syscall:   recordRequest(call),
		Scene:     recordScene(call, stack),
	}
}

// nameLockHolder says who has the lock on a file that a call waits for. The kernel
// side tells the process alone.
func (a *Agent) nameLockHolder(s *record.Scene, call *bpf.SlowCall) {
	if call.LockHolder == 0 || s.Wait == nil || s.Wait.Blocker != (record.Task{}) {
		return
	}
	holder := a.procs.Lookup(int(call.LockHolder), 0)
	s.Wait.Blocker = record.Task{PID: call.LockHolder, TID: call.LockHolder, Comm: holder.Comm}
}
