package agent

import (
	"path"
	"strings"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// kernelStack is call.Wait.Stack in words. It has the fields of kstack.Stack, so
// that one converts to the other.
type kernelStack struct {
	Frames []string // innermost first
	Site   string   // the function that says most
	Class  string   // what was waited for
}

// recordStart says how the start of a call is known.
func recordStart(call *bpf.SlowCall) string {
	switch {
	case call.Tick:
		return record.StartTick
	case call.FirstBlock:
		return record.StartFirstBlock
	}
	return record.StartEntry
}

// recordRequest is what the call was given.
func recordRequest(call *bpf.SlowCall) record.Request {
	return record.Request{Syscall: recordSyscall(call.Syscall), Args: hexArgs(call.Args), Paths: call.Paths, Details: details(call)}
}

// recordScene is what the kernel side tells of a call's surroundings.
func recordScene(call *bpf.SlowCall, stack kernelStack) record.Scene {
	return record.Scene{
		Process: record.Process{
			PID: call.PID, TID: call.TID, ParentPID: call.Parent, Comm: call.Comm, User: &record.User{ID: call.UID},
			Executable: recordExecutable(call.Executable),
		},
		File: recordFile(call), To: recordTo(call),
		Wait: recordWait(call.Wait, stack), KernelStack: withoutAddresses(stack.Frames),
	}
}

// withoutAddresses hides the frames that have no name: an address would tell
// every reader of the journal where the kernel lies in memory.
func withoutAddresses(frames []string) []string {
	var names []string
	for _, frame := range frames {
		if strings.HasPrefix(frame, "0x") {
			frame = "?"
		}
		names = append(names, frame)
	}
	return names
}

func recordExecutable(file string) record.Executable {
	if file == "" {
		return record.Executable{}
	}
	return record.Executable{Name: path.Base(file), Path: file}
}

// recordWait is nil when the kernel side does not tell where the time went.
func recordWait(w *bpf.Wait, stack kernelStack) *record.Wait {
	if w == nil {
		return nil
	}
	return &record.Wait{
		CPUNs: w.CPUNs, RunqueueNs: w.RunqueueNs, IOWaitNs: w.IONs, SleepNs: w.SleepNs,
		Site: stack.Site, Class: stack.Class, LongestNs: w.LongestNs,
		VoluntarySwitches: w.Voluntary, InvoluntarySwitches: w.Involuntary, MajorFaults: w.MajorFaults,
		ThrottledNs: w.ThrottledNs, StoppedNs: w.StoppedNs, TracedNs: w.TracedNs, FrozenNs: w.FrozenNs,
		Waker: record.Task(w.Waker), Blocker: record.Task(w.Blocker), WakerUnseen: w.WakerUnseen,
	}
}
