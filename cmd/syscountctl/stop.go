package main

import (
	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) stopCommand() *cobra.Command {
	return a.simple("stop", "Write a last summary and detach; the service stays, systemctl stop ends it", (*dbusapi.Client).Stop)
}
