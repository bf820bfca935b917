package main

import (
	"errors"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/bpf"
	"github.com/syscountd/syscountd/dbusapi"
)

// Exit statuses, those of sysexits.h where it has one: systemd shows their names.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 64 // EX_USAGE: the command line
	exitUnavailable = 69 // EX_UNAVAILABLE: this kernel lacks something
	exitTempFail    = 75 // EX_TEMPFAIL: the bus does not give us the name
	exitNoPerm      = 77 // EX_NOPERM: CAP_BPF or CAP_PERFMON is missing
	exitConfig      = 78 // EX_CONFIG: the policy
)

// exitStatus is the one table from errors to statuses.
func exitStatus(err error) int {
	var bad *policy.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &bad):
		return exitConfig
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, bpf.ErrPermission):
		return exitNoPerm
	case errors.Is(err, bpf.ErrNotSupported):
		return exitUnavailable
	case dbusapi.IsNameError(err):
		return exitTempFail
	}
	return exitFailure
}
