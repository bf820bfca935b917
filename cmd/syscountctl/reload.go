package main

import (
	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) reloadCommand() *cobra.Command {
	return a.simple("reload", "Read the policy files again; with a mistake in them the old policy stays", (*dbusapi.Client).Reload)
}
