package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) slowCommand() *cobra.Command {
	var newest uint32
	cmd := &cobra.Command{
		Use:   "slow",
		Short: "Show the last slow calls, the newest first",
		Long: "Show the last slow calls, the newest first: when each ended, how long it took, and why.\n\n" +
			"The service keeps the last 256; the journal has more: journalctl SYSCOUNT_EVENT=slow -o cat.\n" +
			"Calls that an incident counts have no record of their own. With --json: the whole records.",
		Example: "  syscountctl slow -n 5\n  syscountctl slow -n 0 --json | jq '.[] | select(.duration_ns > 1e9)'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error {
				lines, err := c.SlowCalls(cmd.Context(), newest)
				if err != nil {
					return err
				}
				calls, err := parseCalls(lines)
				if err != nil {
					return err
				}
				return a.show(callsJSON(lines), func(w io.Writer) { printSlow(w, calls) })
			})
		},
	}
	cmd.Flags().Uint32VarP(&newest, "newest", "n", 20, "show at most this many calls; 0 for all that are kept")
	return cmd
}

func printSlow(w io.Writer, calls []call) {
	if len(calls) == 0 {
		fmt.Fprintln(w, "No call was slow since the service started.")
		return
	}
	printCalls(w, "ENDED", "TOOK", calls)
}
