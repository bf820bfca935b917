package bpf

// waitOf makes the four times of what the kernel side has measured: the time on
// a CPU is what is left of the duration.
func (t *Tracer) waitOf(raw *syscountWait, durationNs uint64) *Wait {
	total := func(class syscountWaitClass) uint64 { return raw.TotalNs[class] }
	w := &Wait{
		RunqueueNs: total(syscountWaitClassWAIT_RUNQUEUE), IONs: total(syscountWaitClassWAIT_IO),
		StoppedNs: total(syscountWaitClassWAIT_STOPPED), TracedNs: total(syscountWaitClassWAIT_TRACED),
		FrozenNs:  total(syscountWaitClassWAIT_FROZEN),
		Voluntary: raw.Voluntary, Involuntary: raw.Involuntary, MajorFaults: uint32(raw.MajorFaults),
		LongestNs: raw.LongestNs, ThrottledNs: raw.ThrottledNs,
		Stack: append([]uint64(nil), raw.Stack[:min(int(raw.Frames), len(raw.Stack))]...),
		Waker: taskOf(raw.LongestWaker), Blocker: taskOf(raw.Blocker),
	}
	w.SleepNs = total(syscountWaitClassWAIT_SLEEP) + w.StoppedNs + w.TracedNs + w.FrozenNs
	w.CPUNs = durationNs - min(durationNs, w.RunqueueNs+w.IONs+w.SleepNs)
	// The cgroup's time is that of all CPUs, and is added up at the end of each
	// period: more of it than the call was off the CPU was not the call's.
	w.ThrottledNs = min(w.ThrottledNs, durationNs-w.CPUNs)
	switch class := syscountWaitClass(raw.LongestClass); {
	case class == syscountWaitClassWAIT_RUNQUEUE:
		w.LongestFor = ForCPU
	case class == syscountWaitClassWAIT_IO && raw.LongestIowait != 0:
		w.LongestFor = ForBlockIO
	case class == syscountWaitClassWAIT_IO && w.Blocker.TID != 0:
		w.LongestFor = ForKernelLock
	case class == syscountWaitClassWAIT_FROZEN:
		w.LongestFor = ForThaw
	}
	if w.Waker.PID != 0 && t.isInterrupt(raw.LongestWakingStack) {
		w.Waker = Task{}
	}
	return w
}

// longTick is the longest there is, in ns: who ends a shorter wait may not have been looked for,
// see wake() in bpf/wait.h.
const longTick = 10e6

// isUnwatched: the wait was such that somebody has ended it, and nobody looked. noWaking is what
// off_cpu() leaves; an error of the kernel's is another number.
func isUnwatched(raw *syscountWait) bool {
	const noWaking = -1
	class := syscountWaitClass(raw.LongestClass)
	return raw.LongestWakingStack == noWaking && raw.LongestNs >= longTick &&
		class != syscountWaitClassWAIT_RUNQUEUE && class < syscountWaitClassWAIT_CLASSES
}

func taskOf(raw syscountThreadName) Task {
	if raw.Tid == 0 {
		return Task{}
	}
	return Task{PID: raw.Pid, TID: raw.Tid, Comm: cString(raw.Comm[:])}
}
