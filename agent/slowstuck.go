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
