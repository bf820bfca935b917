package dbusapi

import (
	"context"

	"github.com/godbus/dbus/v5"

	"github.com/syscountd/syscountd/agent"
)

// managerMethods is the interface io.github.syscountd1.Manager.
func managerMethods() methods {
	return methods{
		"Start":           command(agent.Start{}),
		"Stop":            command(agent.Stop{}),
		"FilterPID":       change(filterPID, arg{"pid", "u"}),
		methodPIDFD:       {in: []arg{{"pidfd", "h"}}, action: actionManage, run: filterPIDFD},
		"FilterUnit":      change(filterUnit, arg{"unit", "s"}),
		"FilterSyscalls":  change(filterSyscalls, arg{"syscalls", "as"}),
		"SetFilter":       change(setFilter, arg{"filter", "a{sv}"}),
		"ClearFilter":     command(agent.SetFilter{}),
		"SetMode":         change(setMode, arg{"mode", "s"}),
		"SetThreshold":    change(setThreshold, arg{"syscall", "s"}, arg{"usec", "t"}),
		"ResetThresholds": command(agent.ResetThresholds{}),
		"Reload":          command(agent.Reload{}),
		"Flush":           command(agent.Flush{}),
		"Summary": {
			in:     []arg{{"top", "u"}},
			out:    []arg{{"rows", "a(sssttttt)"}},
			action: actionRead,
			run:    summary,
		},
		"SlowCalls": {
			in:     []arg{{"newest", "u"}},
			out:    []arg{{"records", "as"}},
			action: actionRead,
			run:    slowCalls,
		},
		"StuckCalls": {
			out:    []arg{{"records", "as"}},
			action: actionRead,
			run:    stuckCalls,
		},
	}
}

// change is a method that hands one command to the agent; build makes it of the
// call's arguments, or refuses them.
func change(build func(args []any) (agent.Command, error), in ...arg) method {
	run := func(ctx context.Context, s *Service, who agent.Caller, args []any) ([]any, error) {
		cmd, err := build(args)
		if err != nil {
			return nil, err
		}
		return nil, s.cfg.Agent.Do(ctx, who, cmd)
	}
	return method{in: in, action: actionManage, run: run}
}

// command is a change without arguments.
func command(cmd agent.Command) method {
	return change(func([]any) (agent.Command, error) { return cmd, nil })
}

func filterPID(args []any) (agent.Command, error) {
	pid := args[0].(uint32)
	if err := checkPID(pid); err != nil {
		return nil, err
	}
	return agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{pid}}}, nil
}

func filterUnit(args []any) (agent.Command, error) {
	// An empty name must not become an empty filter, which observes everything.
	unit := args[0].(string)
	if unit == "" {
		return nil, refuse(agent.ErrInvalid, `unit "" is no unit; give a full name such as "nginx.service"`)
	}
	return agent.SetFilter{Filter: agent.Filter{Units: []string{unit}}}, nil
}

func setFilter(args []any) (agent.Command, error) {
	f, err := filterFromBus(args[0].(map[string]dbus.Variant))
	if err != nil {
		return nil, err
	}
	return agent.SetFilter{Filter: f}, nil
}

func filterSyscalls(args []any) (agent.Command, error) {
	return agent.FilterSyscalls{Syscalls: args[0].([]string)}, nil
}

func setMode(args []any) (agent.Command, error) {
	return agent.SetMode{Mode: args[0].(string)}, nil
}

func setThreshold(args []any) (agent.Command, error) {
	d, err := fromUsec(args[1].(uint64))
	if err != nil {
		return nil, err
	}
	return agent.SetThreshold{Syscall: args[0].(string), Threshold: d}, nil
}

// row is one struct of Summary's answer; the order of its fields is the contract.
type row struct {
	Group, ABI, Syscall                  string
	Count, Errors, TotalNs, MaxNs, P99Ns uint64
}

func summary(ctx context.Context, s *Service, _ agent.Caller, args []any) ([]any, error) {
	rows, err := s.cfg.Agent.Summary(ctx, int(args[0].(uint32)))
	if err != nil {
		return nil, err
	}
	out := make([]row, len(rows))
	for i, r := range rows {
		out[i] = row{printable(r.Group), printable(r.ABI), printable(r.Syscall),
			r.Count, r.Errors, r.TotalNs, r.MaxNs, r.P99Ns}
	}
	return []any{out}, nil
}
