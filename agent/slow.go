package agent

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/kstack"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/procinfo"
	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// place is where a call was made.
type place struct {
	procinfo.Placement
	units  string // as procinfo.Units has them
	cgroup string // path
	known  bool   // the kernel side has it: it stays the same as long as the cgroup is there
}

func (a *Agent) placeOf(call *bpf.SlowCall) place {
	return a.session.names.place(call.Cgroup)
}

// judge decides about a call that reached the kernel's threshold, and writes
// its record, or counts it in an incident.
func (a *Agent) judge(call *bpf.SlowCall) {
	at := a.placeOf(call)
	a.assign(call, at)
	verdict, slow := a.verdict(call, at)
	if slow {
		a.noteSlow()
	}
	if call.Stuck {
		if slow {
			a.stuck.saw(call, at, verdict)
		}
		return
	}
	wasStuck := a.stuck.closes(call)
	if !slow {
		a.totals.notSlow++
		a.incidents.ended(a.mono(), call.TID)
		return
	}
	a.totals.slowCalls++
	stack := a.stackOf(call)
	if a.fold(call, at, verdict, stack) {
		return
	}
	if !a.allowed(verdict, at, time.Duration(call.DurationNs())) {
		a.totals.suppressed++
		return
	}
	a.totals.slow++
	r := slowRecord(call, verdict, stack)
	r.WasStuck = wasStuck
	if verdict.Stack {
		r.UserStack = call.UserStack
	}
	r.Timing = a.timing(call)
	a.describe(&r.Scene, call, at)
	a.write(r, a.wall(call.EndNs))
	a.recent.add(r)
}

// mono is the time on CLOCK_MONOTONIC.
func (a *Agent) mono() time.Duration { return time.Duration(a.env.MonoNs()) }

// stackOf is the stack of the call's longest wait in words.
func (a *Agent) stackOf(call *bpf.SlowCall) kernelStack {
	if call.Wait == nil {
		return kernelStack{}
	}
	var stack kernelStack
	if len(call.Wait.Stack) > 0 {
		stack = kernelStack(kstack.Read(a.session.kernel.Symbols(call.Wait.Stack)))
	}
	stack.Class = classOf(call.Wait.LongestFor, stack.Class)
	return stack
}

// classOf adds to a class by the stack what the scheduler knows: that a thread was
// only without a CPU there is in no stack, and neither are the functions of locks
// and of I/O that it called.
func classOf(what bpf.For, class string) string {
	switch {
	case what == bpf.ForCPU:
		return "CPU"
	case what == bpf.ForThaw: // its function is inlined, or lies in one that does other things too
		return "freezer"
	case class != "":
		return class
	case what == bpf.ForBlockIO:
		return "block I/O"
	case what == bpf.ForKernelLock:
		return "kernel lock"
	}
	return ""
}

// describe adds what user space knows of a call's surroundings.
func (a *Agent) describe(s *record.Scene, call *bpf.SlowCall, at place) {
	s.Cgroup = at.cgroup
	s.Systemd = at.systemd()
	s.Container, s.Kubernetes = at.container(), at.kubernetes()
	s.Pressure = a.pressure(at.cgroup)
	a.describeProcess(&s.Process, call)
}

func (p place) systemd() record.Systemd {
	return record.Systemd{Unit: p.Unit, UserUnit: p.UserUnit, Slice: p.Slice}
}

func (p place) container() record.Container {
	return record.Container{ID: p.ContainerID, Runtime: p.Runtime}
}

func (p place) kubernetes() record.Kubernetes {
	return record.Kubernetes{Pod: record.Pod{UID: p.PodUID}}
}

// slowRecord is what the call itself tells, with its stack in words.
func slowRecord(call *bpf.SlowCall, v policy.Verdict, stack kernelStack) *record.Slow {
	request := recordRequest(call)
	return &record.Slow{
		Severity: int(v.Severity), Rule: v.Rule, Start: recordStart(call),
		DurationNs: call.DurationNs(), ThresholdNs: uint64(v.Threshold),
		Monotonic: record.Monotonic{StartNs: call.StartNs, EndNs: call.EndNs},
		Syscall:   record.Call{Request: request, Ret: call.Ret, Errno: errnoName(call.Ret)},
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
	if p.Executable.Path == "" && info.Executable != "" {
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
