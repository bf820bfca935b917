package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) stuckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stuck",
		Short: "Show the calls that have not returned, the oldest first",
		Long: "Show the calls that have not returned, the oldest first: since when, for how long, and where they wait.\n\n" +
			"A call is stuck when it is older than [stuck] after of the policy, and slow by the rule that decides about it.\n" +
			"With --json: the whole records, with the kernel stack of each as it was at the last look.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error { return a.stuck(cmd.Context(), c) })
		},
	}
}

func (a *app) stuck(ctx context.Context, c *dbusapi.Client) error {
	lines, err := c.StuckCalls(ctx)
	if err != nil {
		return err
	}
	calls, err := parseCalls(lines)
	if err != nil {
		return err
	}
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if st.State != "running" {
		return errStopped // an empty list would say that all is well
	}
	all, known := st.Counters["stuck"]
	return a.show(callsJSON(lines), func(w io.Writer) {
		if !known {
			fmt.Fprintln(w, `Nobody looks for stuck calls: the policy says after = "never" in [stuck].`)
			return
		}
		printStuck(w, calls, all)
	})
}

// printStuck prints the calls that have a record, and how many more of all have none.
func printStuck(w io.Writer, calls []call, all uint64) {
	for i := range calls {
		calls[i].Time = calls[i].Time.Add(-time.Duration(calls[i].AgeNs)) // when it began
	}
	if len(calls) > 0 {
		printCalls(w, "SINCE", "FOR", calls)
	}
	switch shown := uint64(len(calls)); {
	case shown == 0 && all == 0:
		fmt.Fprintln(w, "No call is stuck.")
	case all > shown:
		fmt.Fprintf(w, "%d more without a record of their own: incidents count them, or [limits] held them back.\n", all-shown)
	}
}
