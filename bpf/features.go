package bpf

// Features are the properties of this kernel that change what we do or what can
// be known, by name.
func Features() map[string]bool {
	return map[string]bool{
		// Linux 6.2: what is read of the running task costs no call.
		"rdonly_cast": kernelTypes().rdonlyCast,
		// Linux 6.18, under two names: a callback when a thread returns to user mode.
		"task_work": HasTaskWork(),
		// Who holds the lock that a thread waits for.
		"lock_owner": kernelTypes().lockOwner,
		// A few calls can be followed by their functions, at no cost to others.
		"functions": refuseFunctions() == nil,
		// Linux 7.2: programs may be skipped, which recursion_misses counts.
		"preemptible_programs": runsPreemptibly(release()),
	}
}
