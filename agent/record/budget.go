package record

import "fmt"

// Budget has the figures on which mode auto has taken a step. Shares are of all CPUs together.
// Prices are those of the step that was in force, in ns.
type Budget struct {
	CostPercent       Percent `json:"cost_percent"`     // what the old step took: the sum of the next two
	KernelPercent     Percent `json:"kernel_percent"`   // our programs, in the calls and switches of others
	OwnPercent        Percent `json:"own_percent"`      // our own process, summaries spread over their interval
	LimitPercent      Percent `json:"limit_percent"`    // [limits] cpu_budget
	ExpectedPercent   Percent `json:"expected_percent"` // what the new step takes under the same load
	CallsPerSecond    uint64  `json:"calls_per_second"`
	SwitchesPerSecond uint64  `json:"switches_per_second"`
	CallNs            uint64  `json:"call_ns"`     // added to a call that is observed
	LeftOutNs         uint64  `json:"left_out_ns"` // added to one that is not
	SwitchNs          uint64  `json:"switch_ns"`   // added to a context switch
}

func (b *Budget) label() string {
	return fmt.Sprintf("%v %% of all CPUs: %v %% in the kernel (%d calls/s of %d ns, %d switches/s of %d ns), %v %% our own process; budget %v %%, expected now %v %%",
		b.CostPercent, b.KernelPercent, b.CallsPerSecond, b.CallNs, b.SwitchesPerSecond, b.SwitchNs, b.OwnPercent, b.LimitPercent, b.ExpectedPercent)
}

// modeLabel reads like "mode account, sample 16 (auto)".
func (s *State) modeLabel() string {
	label := "mode " + s.Mode
	if s.Sample > 1 {
		label += fmt.Sprintf(", sample %d", s.Sample)
	}
	if s.Auto {
		label += " (auto)"
	}
	return label
}
