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
		Long:  "Show or change what is observed, without a restart.\n\nEach change lasts until the next one. pid, unit, set and clear replace the whole filter;\nsyscalls replaces the system calls, and the targets stay.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("filter has no command %q; give show, pid, unit, syscalls, set or clear", args[0])
			}
			return usagef("filter needs a command; give show, pid, unit, syscalls, set or clear")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args refuses before
	}
	cmd.AddCommand(
		a.filterShowCommand(),
		a.filterPIDCommand(),
		a.filterBy("unit UNIT...", "Observe these systemd units only, with everything below them", "unit",
			func(args []string) (agent.Filter, error) { return agent.Filter{Units: args}, nil }),
		a.filterSyscallsCommand(),
		a.filterSetCommand(),
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
		pids, err := numbers("PID", "1 to 4194304", args)
		return agent.Filter{PIDs: pids, OnExit: agent.OnExit(onExit), Children: children}, err
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

// filterSetCommand has a flag for each key of a filter.
func (a *app) filterSetCommand() *cobra.Command {
	var (
		f          agent.Filter
		pids, uids []string
		onExit     string
	)
	cmd := &cobra.Command{
		Use: "set [FLAG]...", Short: "Observe what all these flags say, each as often as needed",
		Long: "Observe what all these flags say, each as often as needed.\n\nWho is observed belongs to any of --pid, --unit, --cgroup, --uid and --comm, or is anybody\n" +
			"if these are left out, and belongs to no --exclude-unit and no --exclude-comm. Of their\ncalls, those are observed that are any --syscall and that return any --errno, or any error\nwith --failed.",
		Example: "  syscountctl filter set --unit postgresql@15-main.service --syscall @sync\n" +
			"  syscountctl filter set --exclude-unit backup.service --exclude-comm rsync\n" +
			"  syscountctl filter set --uid 1000 --failed --errno EIO",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f.PIDs, err = numbers("PID", "1 to 4194304", pids); err != nil {
				return err
			}
			if f.UIDs, err = numbers("user id", "0 to 4294967294", uids); err != nil {
				return err
			}
			f.OnExit = agent.OnExit(onExit)
			if f.IsZero() {
				return usagef("filter set needs a flag that says what is observed; syscountctl filter clear observes the whole host")
			}
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return c.SetFilter(cmd.Context(), f) })
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&pids, "pid", nil, "a process")
	flags.BoolVar(&f.Children, "children", false, "the offspring of the processes too, from its birth on")
	flags.StringVar(&onExit, "on-exit", "", "when the last of the processes has ended: keep (observe nothing), clear (the whole host) or stop")
	flags.StringArrayVar(&f.Units, "unit", nil, "a systemd unit, with everything below it")
	flags.StringArrayVar(&f.Cgroups, "cgroup", nil, "a cgroup by its path, with everything below it")
	flags.StringArrayVar(&uids, "uid", nil, "a user by the real user id")
	flags.StringArrayVar(&f.Comms, "comm", nil, "threads with this exact name, up to 15 bytes")
	flags.StringArrayVar(&f.ExcludeUnits, "exclude-unit", nil, "not this systemd unit")
	flags.StringArrayVar(&f.ExcludeComms, "exclude-comm", nil, "not threads with this name")
	flags.StringArrayVar(&f.Syscalls, "syscall", nil, "a system call, or a @group of them")
	flags.BoolVar(&f.Failed, "failed", false, "only calls that return an error")
	flags.StringArrayVar(&f.Errnos, "errno", nil, "only calls that return this error, such as EIO")
	return cmd
}

// numbers reads decimal numbers; which of them exist the service knows.
func numbers(what, allowed string, args []string) (all []uint32, err error) {
	for _, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 32)
		if err != nil {
			return nil, usagef("%q is no %s; give a number from %s", arg, what, allowed)
		}
		all = append(all, uint32(n))
	}
	return all, nil
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
	PIDs         []uint32 `json:"pids"`
	Units        []string `json:"units"`
	Cgroups      []string `json:"cgroups"`
	Syscalls     []string `json:"syscalls"`
	UIDs         []uint32 `json:"uids,omitempty"`
	Comms        []string `json:"comms,omitempty"`
	ExcludeUnits []string `json:"exclude_units,omitempty"`
	ExcludeComms []string `json:"exclude_comms,omitempty"`
	Failed       bool     `json:"failed,omitempty"`
	Errnos       []string `json:"errnos,omitempty"`
	Children     bool     `json:"children,omitempty"`
	OnExit       string   `json:"on_exit,omitempty"`
}

func filterJSON(f agent.Filter) filterObject {
	return filterObject{
		PIDs: notNil(f.PIDs), Units: notNil(f.Units), Cgroups: notNil(f.Cgroups), Syscalls: notNil(f.Syscalls),
		UIDs: f.UIDs, Comms: f.Comms, ExcludeUnits: f.ExcludeUnits, ExcludeComms: f.ExcludeComms,
		Failed: f.Failed, Errnos: f.Errnos, Children: f.Children, OnExit: string(f.OnExit),
	}
}

// describeFilter says in one line what is observed.
func describeFilter(f agent.Filter) string {
	if f.IsZero() {
		return "none: the whole host"
	}
	var parts []string
	for _, p := range []struct {
		label string
		list  []string
	}{
		{"pid", texts(f.PIDs)}, {"unit", f.Units}, {"cgroup", f.Cgroups}, {"user", texts(f.UIDs)}, {"comm", f.Comms},
		{"without unit", f.ExcludeUnits}, {"without comm", f.ExcludeComms}, {"syscalls", f.Syscalls}, {"errno", f.Errnos},
	} {
		if len(p.list) > 0 {
			parts = append(parts, p.label+" "+strings.Join(p.list, " "))
		}
	}
	if f.Failed {
		parts = append(parts, "only errors")
	}
	if f.Children {
		parts = append(parts, "with children")
	}
	if f.OnExit != "" {
		parts = append(parts, "on exit "+string(f.OnExit))
	}
	return strings.Join(parts, "; ")
}

func texts(numbers []uint32) (all []string) {
	for _, n := range numbers {
		all = append(all, strconv.FormatUint(uint64(n), 10))
	}
	return all
}
