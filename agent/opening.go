package agent

import (
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/syscalls"
	"github.com/syscountd/syscountd/bpf"
)

// openedKind is what a call was opening that has no descriptor yet, or never got one, if where
// it waited tells: to open a FIFO waits for its other end (fifo(7)), a terminal for its line
// (open(2), O_NONBLOCK). "" is not known.
func (a *Agent) openedKind(call *bpf.SlowCall) string {
	if call.FDKind.String() != policy.FDNone || traitsOf(syscalls.Name(call.Syscall))&bpf.TraitFDResult == 0 {
		return policy.FDNone
	}
	switch a.stackOf(call).Class {
	case "pipe":
		return policy.FDPipe
	case "terminal":
		return policy.FDTTY
	}
	return policy.FDNone
}
