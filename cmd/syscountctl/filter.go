package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) filterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "filter",
		Short: "Show or change what is observed, without a restart",
		Long:  "Show or change what is observed, without a restart.\n\nEach change lasts until the next one. pid, unit and clear replace the whole filter;\nsyscalls replaces the system calls, and the targets stay.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("filter has no command %q; give show, pid, unit, syscalls or clear", args[0])
			}
			return usagef("filter needs a command; give show, pid, unit, syscalls or clear")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args refuses before
	}
	cmd.AddCommand(
		a.filterShowCommand(),
		a.filterPIDCommand(),
		a.filterBy("unit UNIT...", "Observe these systemd units only, with everything below them", "unit",
			func(args []string) (agent.Filter, error) { return agent.Filter{Units: args}, nil }),
		a.filterSyscallsCommand(),
		a.simple("clear", "Observe the whole host", (*dbusapi.Client).ClearFilter),
	)
	return cmd
}

// filterBy is a command that makes a filter of its arguments.
func (a *app) filterBy(use, short, what string, parse func([]string) (agent.Filter, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: oneOrMore(what),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := parse(args)
			if err != nil {
				return err
			}
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return c.SetFilter(cmd.Context(), f) })
		},
	}
}

func (a *app) filterPIDCommand() *cobra.Command {
	var (
		onExit   string
		children bool
	)
	cmd := a.filterBy("pid PID...", "Observe these processes only", "PID", func(args []string) (agent.Filter, error) {
		f, err := pidFilter(args)
		f.OnExit, f.Children = agent.OnExit(onExit), children
		return f, err
	})
	cmd.Flags().StringVar(&onExit, "on-exit", "", "when the last of them has ended: keep (observe nothing), clear (the whole host) or stop")
	cmd.Flags().BoolVar(&children, "children", false, "their offspring too, from its birth on")
	return cmd
}

func (a *app) filterSyscallsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "syscalls NAME...", Short: "Observe these system calls only, names and @groups, of the same targets",
		Args: oneOrMore("system call"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return c.FilterSyscalls(cmd.Context(), args) })
		},
	}
}

// pidFilter reads decimal numbers; which of them can be a PID the service knows.
func pidFilter(args []string) (agent.Filter, error) {
	var f agent.Filter
	for _, arg := range args {
		pid, err := strconv.ParseUint(arg, 10, 32)
		if err != nil {
			return agent.Filter{}, usagef("%q is no PID; give a number from 1 to 4194304", arg)
		}
		f.PIDs = append(f.PIDs, uint32(pid))
	}
	return f, nil
}

func (a *app) filterShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show what is observed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error {
				st, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				return a.show(filterJSON(st.Filter), func(w io.Writer) { fmt.Fprintln(w, describeFilter(st.Filter)) })
			})
		},
	}
}

// filterObject is filter show --json.
type filterObject struct {
	PIDs     []uint32 `json:"pids"`
	Units    []string `json:"units"`
	Cgroups  []string `json:"cgroups"`
	Syscalls []string `json:"syscalls"`
	Children bool     `json:"children,omitempty"`
	OnExit   string   `json:"on_exit,omitempty"`
}

func filterJSON(f agent.Filter) filterObject {
	return filterObject{notNil(f.PIDs), notNil(f.Units), notNil(f.Cgroups), notNil(f.Syscalls), f.Children, string(f.OnExit)}
}

// describeFilter says in one line what is observed.
func describeFilter(f agent.Filter) string {
	if f.IsZero() {
		return "none: the whole host"
	}
	pids := make([]string, len(f.PIDs))
	for i, pid := range f.PIDs {
		pids[i] = strconv.FormatUint(uint64(pid), 10)
	}
	var parts []string
	for _, p := range []struct {
		label string
		list  []string
	}{{"pid", pids}, {"unit", f.Units}, {"cgroup", f.Cgroups}, {"syscalls", f.Syscalls}} {
		if len(p.list) > 0 {
			parts = append(parts, p.label+" "+strings.Join(p.list, " "))
		}
	}
	if f.Children {
		parts = append(parts, "with children")
	}
	if f.OnExit != "" {
		parts = append(parts, "on exit "+string(f.OnExit))
	}
	return strings.Join(parts, "; ")
}
