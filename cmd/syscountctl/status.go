package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/syscountd/syscountd/agent"
	"github.com/syscountd/syscountd/dbusapi"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether and what syscountd observes",
		Long:  "Show whether and what syscountd observes.\n\nThe exit code is 0 when it runs, 3 when it is stopped or not there, 4 when that cannot be told.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *dbusapi.Client) error {
				st, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				if err := a.show(statusJSON(st), func(w io.Writer) { printStatus(w, st) }); err != nil {
					return err
				}
				if st.State != "running" {
					return errStopped
				}
				return nil
			})
		},
	}
}

// statusObject is status --json.
type statusObject struct {
	Version    string            `json:"version"`
	State      string            `json:"state"`
	Mode       string            `json:"mode"`
	Sample     int               `json:"sample"`
	Auto       bool              `json:"auto"`
	Attachment string            `json:"attachment"`
	Filter     filterObject      `json:"filter"`
	Thresholds map[string]int64  `json:"thresholds_usec"`
	Learned    map[string]int64  `json:"learned_usec,omitempty"` // by "SYSCALL UNIT"
	Policy     []string          `json:"policy_files"`
	Interval   int64             `json:"interval_usec"`
	Counters   map[string]uint64 `json:"counters"`
	OwnCPUNs   int64             `json:"own_cpu_ns"`
	KernelNs   int64             `json:"kernel_cpu_ns"`
	SharePPM   uint64            `json:"share_ppm"`
	OwnPPM     uint64            `json:"own_ppm"`
	BudgetPPM  uint64            `json:"budget_ppm"`
	Features   map[string]bool   `json:"kernel_features"`
	StatusText string            `json:"status_text"`
}

func statusJSON(st dbusapi.Status) statusObject {
	thresholds := map[string]int64{}
	for _, t := range st.Thresholds {
		thresholds[t.Syscall] = t.Threshold.Microseconds()
	}
	learned := map[string]int64{}
	for _, l := range st.Learned {
		learned[l.Syscall+" "+l.Unit] = l.Threshold.Microseconds()
	}
	return statusObject{
		Version: st.Version, State: st.State, Mode: st.Mode, Sample: st.Sample, Auto: st.Auto, Attachment: st.Attachment,
		Filter: filterJSON(st.Filter), Thresholds: thresholds, Learned: learned, Policy: notNil(st.Policy),
		Interval: st.Interval.Microseconds(), Counters: maps.Clone(st.Counters),
		OwnCPUNs: st.OwnCPU.Nanoseconds(), KernelNs: st.Cost.Kernel.Nanoseconds(),
		SharePPM: st.Cost.SharePPM, OwnPPM: st.Cost.OwnPPM, BudgetPPM: st.Cost.BudgetPPM,
		Features: maps.Clone(st.Features), StatusText: st.Sentence,
	}
}

// printStatus prints a block of labelled lines; what is empty is left out.
func printStatus(w io.Writer, st dbusapi.Status) {
	fmt.Fprintf(w, "syscountd %s: %s\n", st.Version, st.Sentence)
	tab := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight)
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(tab, "%s:\t %s\n", label, value)
		}
	}
	line("State", st.State)
	line("Mode", st.ModeLabel())
	line("Attachment", st.Attachment)
	line("Filter", describeFilter(st.Filter))
	line("Thresholds", describeThresholds(st.Thresholds))
	line("Learned", describeLearned(st.Learned))
	line("Policy", describePolicy(st.Policy))
	line("Interval", st.Interval.String())
	line("Stuck", describePending(st.Counters, "stuck", "not returned; see syscountctl stuck"))
	line("Incidents", describePending(st.Counters, "incidents", "open; see journalctl SYSCOUNT_EVENT=incident"))
	line("Own CPU", st.OwnCPU.Round(time.Millisecond).String())
	line("Cost", describeCost(st))
	line("Counters", describeCounters(st.Counters))
	tab.Flush()
}

// describeCost says what is taken of the host; nothing when nothing ever was.
func describeCost(st dbusapi.Status) string {
	if st.State != "running" && st.Cost.Kernel == 0 {
		return ""
	}
	text := fmt.Sprintf("%v in the calls and switches of others (%d ns a call, %d ns a switch); now %.2f %% of all CPUs, %.2f %% of these our own process",
		st.Cost.Kernel.Round(time.Millisecond), st.Cost.CallPS/1000, st.Cost.SwitchPS/1000, float64(st.Cost.SharePPM)/10_000, float64(st.Cost.OwnPPM)/10_000)
	if st.Auto {
		text += fmt.Sprintf(", %.2f %% allowed", float64(st.Cost.BudgetPPM)/10_000)
	}
	return text
}

// mostLearned is how many learned thresholds status shows; --json has all.
const mostLearned = 10

func describeLearned(list []agent.LearnedThreshold) string {
	var parts []string
	for _, l := range list[:min(len(list), mostLearned)] {
		parts = append(parts, fmt.Sprintf("%s of %s %v", l.Syscall, l.Unit, l.Threshold))
	}
	if more := len(list) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

func describeThresholds(list []agent.Threshold) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = fmt.Sprintf("%s %v", t.Syscall, t.Threshold)
	}
	if len(parts) == 0 {
		return "of the policy"
	}
	return strings.Join(parts, ", ") + "; others of the policy"
}

func describePolicy(files []string) string {
	if len(files) == 0 {
		return "built-in"
	}
	return strings.Join(files, ", ")
}

// describePending says how much of something there is now; nothing when the service
// does not know.
func describePending(counters map[string]uint64, name, what string) string {
	n, known := counters[name]
	switch {
	case !known:
		return ""
	case n == 0:
		return "none"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// describeCounters lists those that are not zero, by name.
func describeCounters(counters map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if n := counters[name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	if len(parts) == 0 {
		return "all zero"
	}
	return strings.Join(parts, ", ")
}
