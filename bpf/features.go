package bpf

import "github.com/cilium/ebpf/btf"

// Features are the properties of this kernel that change what we do or what can
// be known, by name.
func Features() map[string]bool {
	return map[string]bool{
		// Linux 6.2: what is read of the running task costs no call.
		"rdonly_cast": hasKernelFunction("bpf_rdonly_cast"),
		// Linux 6.18, under two names: a callback when a thread returns to user mode.
		"task_work": hasKernelFunction("bpf_task_work_schedule_resume") || hasKernelFunction("bpf_task_work_schedule_resume_impl"),
		// Who holds the lock that a thread waits for.
		"lock_owner": hasMember("task_struct", "blocker"),
		// A few calls can be followed by their functions, at no cost to others.
		"functions": refuseFunctions() == nil,
		// Linux 7.2: programs may be skipped, which recursion_misses counts.
		"preemptible_programs": runsPreemptibly(release()),
	}
}

// hasMember: a structure of the kernel has a member of that name.
func hasMember(structure, member string) bool {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return false
	}
	var found *btf.Struct
	if spec.TypeByName(structure, &found) != nil {
		return false
	}
	for _, m := range found.Members {
		if m.Name == member {
			return true
		}
	}
	return false
}
