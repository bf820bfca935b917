package bpftest

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// DropCapabilities leaves this process, in all its threads, with CAP_BPF and
// CAP_PERFMON only, as the unit file does. Children that it executes as root
// have all of theirs.
func DropCapabilities() error {
	set := cap.NewSet()
	for _, flag := range []cap.Flag{cap.Permitted, cap.Effective} {
		if err := set.SetFlag(flag, true, cap.BPF, cap.PERFMON); err != nil {
			return fmt.Errorf("keep CAP_BPF and CAP_PERFMON: %w", err)
		}
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("drop all capabilities but CAP_BPF and CAP_PERFMON: %w", err)
	}
	return nil
}
