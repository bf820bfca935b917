package main

import (
	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) flushCommand() *cobra.Command {
	return a.simple("flush", "End the interval now: its summaries are written to the journal", (*dbusapi.Client).Flush)
}
