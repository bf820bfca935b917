package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) summaryCommand() *cobra.Command {
	var top uint32
	cmd := &cobra.Command{
		Use:   "summary",
		Short: "Show what was counted since the last interval ended",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error {
				rows, err := c.Summary(cmd.Context(), top)
				if err != nil {
					return err
				}
				return a.show(summaryJSON(rows), func(w io.Writer) { printSummary(w, rows) })
			})
		},
	}
	cmd.Flags().Uint32VarP(&top, "top", "n", 20, "show at most this many rows; 0 for all")
	return cmd
}

// summaryRow is one object of summary --json.
type summaryRow struct {
	Group   string `json:"group"`
	Syscall string `json:"syscall"`
	ABI     string `json:"abi"`
	Count   uint64 `json:"count"`
	Errors  uint64 `json:"errors"`
	TotalNs uint64 `json:"total_ns"`
	MaxNs   uint64 `json:"max_ns"`
	P99Ns   uint64 `json:"p99_ns"`
}

func summaryJSON(rows []agent.Row) []summaryRow {
	out := make([]summaryRow, len(rows))
	for i, r := range rows {
		out[i] = summaryRow(r)
	}
	return out
}

// printSummary prints a table, or says that there is nothing to print.
func printSummary(w io.Writer, rows []agent.Row) {
	if len(rows) == 0 {
		fmt.Fprintln(w, "No system calls were counted in this interval yet.")
		return
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tab, "COUNT\tERRORS\tTOTAL\tMAX\tP99\tABI\tSYSCALL\t  GROUP")
	for _, r := range rows {
		fmt.Fprintf(tab, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t  %s\n", r.Count, r.Errors,
			humanNs(r.TotalNs), humanNs(r.MaxNs), humanNs(r.P99Ns), r.ABI, r.Syscall, r.Group)
	}
	tab.Flush()
}
