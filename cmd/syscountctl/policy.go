package main

import (
	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent/policy"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check policy files, and explain what a policy decides",
		Long:  "Check policy files, and explain what a policy decides. It needs no running service.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("policy needs a command: check or explain")
		},
	}
	cmd.AddCommand(a.policyCheckCommand(), a.policyExplainCommand())
	return cmd
}

// readPolicy reads one file, or what the service would read for "".
func readPolicy(file string) (*policy.Policy, error) {
	if file != "" {
		return policy.LoadFile(file)
	}
	return policy.LoadDirs(policy.HostDirs())
}
