package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/dbusapi"
)

// modes are those that the service has.
var modes = []string{"account", "count", "watch", policy.ModeAuto}

func (a *app) modeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "mode MODE", Short: "Change how calls are measured, without a restart",
		Long: "Change how calls are measured, without a restart; a reload goes back to the policy.\n\n" +
			"account counts and times all calls; count counts all, and times those that left the CPU; watch counts\n" +
			"none, and needs Linux 6.18; auto is the first of these that costs no more than the policy's cpu_budget.",
		ValidArgs: modes,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("mode needs one mode, %s; got %d arguments", policy.Or(modes), len(args))
			}
			if !slices.Contains(modes, args[0]) {
				return usagef("mode %.40q is unknown; give %s%s", args[0], policy.Or(modes), didYouMean(args[0], modes))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return c.SetMode(cmd.Context(), args[0]) })
		},
	}
}
