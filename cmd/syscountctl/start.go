package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) startCommand() *cobra.Command {
	return a.simple("start", "Attach to the system calls; nothing happens when attached already", (*dbusapi.Client).Start)
}

// simple is a command without arguments that asks for one thing.
func (a *app) simple(name, short string, ask func(*dbusapi.Client, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return ask(c, cmd.Context()) })
		},
	}
}
