package dbusapi

import (
	"cmp"
	"context"
	"os"

	"github.com/syscountd/syscountd/agent"
)

// methodPIDFD is the one method that takes a file descriptor.
const methodPIDFD = "FilterPIDFD"

// filterPIDFD has no check of its own: what the descriptor is the agent finds out.
func filterPIDFD(ctx context.Context, s *Service, who agent.Caller, args []any) ([]any, error) {
	file, ok := args[0].(*os.File)
	if !ok {
		return nil, refuse(agent.ErrInvalid, "%s: no file descriptor came with the call", methodPIDFD)
	}
	raw, err := file.SyscallConn() // Fd would make it block, for its sender too
	if err != nil {
		return nil, err
	}
	var refusal error
	err = raw.Control(func(fd uintptr) { refusal = s.cfg.Agent.Do(ctx, who, agent.FilterProcess{PIDFD: int(fd)}) })
	return nil, cmp.Or(err, refusal)
}
