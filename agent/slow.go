package agent

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// judge decides about a call that reached the kernel's threshold, and writes
// its record.
func (a *Agent) judge(call *bpf.SlowCall) {
	cgroup := a.session.names.cgroup(call.Cgroup)
	where := procinfo.Unit(cgroup)
	duration := time.Duration(call.DurationNs())
	verdict, slow := a.effective.Judge(policy.Call{
		Syscall: syscalls.Name(call.Syscall), Unit: where.Unit, Comm: call.Comm, FDKind: call.FDKind.String(),
		Duration: duration,
	})
	if !slow {
		a.totals.notSlow++
		return
	}
	if !a.limit.Allow(time.Duration(a.env.MonoNs()), verdict.Rule, duration) {
		a.totals.suppressed++
		return
	}
	a.totals.slow++
	r := slowRecord(call, verdict, kernelStack{})
	r.Cgroup = cgroup
	r.Systemd = record.Systemd{Unit: where.Unit, UserUnit: where.UserUnit, Slice: where.Slice}
	r.Container = record.Container{ID: where.ContainerID, Runtime: where.Runtime}
	a.describeProcess(&r.Process, call)
	a.write(r, a.wall(call.EndNs))
}

// slowRecord is what the call itself tells, with its stack in words.
func slowRecord(call *bpf.SlowCall, v policy.Verdict, stack kernelStack) *record.Slow {
	return &record.Slow{
		Severity: int(v.Severity), Rule: v.Rule, Start: recordStart(call),
		DurationNs: call.DurationNs(), ThresholdNs: uint64(v.Threshold),
		Monotonic: record.Monotonic{StartNs: call.StartNs, EndNs: call.EndNs},
		Syscall:   record.Call{Request: recordRequest(call), Ret: call.Ret, Errno: errnoName(call.Ret)},
		Scene:     recordScene(call, stack),
	}
}

func hexArgs(args []uint64) []string {
	var texts []string
	for _, arg := range args {
		texts = append(texts, fmt.Sprintf("%#x", arg))
	}
	return texts
}

// restarts are results that the kernel keeps to itself: the call goes on
// (include/linux/errno.h).
var restarts = []int64{-512, -513, -514, -516}

// errnoName is "ENOENT" for -2, and "" for a call that did not fail.
func errnoName(ret int64) string {
	if ret >= 0 || ret < -4095 || slices.Contains(restarts, ret) {
		return ""
	}
	if name := unix.ErrnoName(unix.Errno(-ret)); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", -ret)
}

// describeProcess adds what /proc knows, if the process still lives.
func (a *Agent) describeProcess(p *record.Process, call *bpf.SlowCall) {
	p.StartTime = record.FormatTime(a.env.Boot().Add(time.Duration(call.ProcessStartNs)))
	info := a.procs.Lookup(int(call.PID), startTicks(call.ProcessStartNs))
	if info.Executable != "" {
		p.Executable = record.Executable{Name: info.ExecutableName(), Path: info.Executable}
	}
	p.CommandLine = info.CommandLine // read only if the policy wants it
}

// startTicks is a start time as /proc/PID/stat has it, in units of 10 ms
// (USER_HZ is 100 on both architectures).
func startTicks(ns uint64) uint64 { return ns / uint64(10*time.Millisecond) }

// wall is the wall clock's time of a moment of CLOCK_MONOTONIC.
func (a *Agent) wall(monoNs uint64) time.Time {
	return a.env.Now().Add(time.Duration(monoNs) - time.Duration(a.env.MonoNs()))
}
