// Package ladder decides in which mode a host can afford to be observed: mode auto.
// It knows what each step costs only as far as it is told, and has no clock: it is
// asked at each look.
package ladder

import "fmt"

// Step is one way to measure calls, by the names of [collect] mode.
type Step struct {
	Mode   string
	Sample int // mode account: the clock is read in one of so many calls
}

// The modes of the steps.
const (
	Account = "account"
	Count   = "count"
	Watch   = "watch"
)

// HasSummaries: calls are counted at it, in rows that are read and told of at the end of each interval.
func (s Step) HasSummaries() bool { return s.Mode != Watch }

// Sampled is the sample of the second step: the clock is most of what a call costs,
// and one in 16 is little of it.
const Sampled = 16

// Steps are those of a policy with this sample, from the one that knows most to the
// cheapest. A kernel without mode watch ends with count.
func Steps(sample int, watch bool) []Step {
	steps := []Step{{Account, sample}}
	if sample < Sampled {
		steps = append(steps, Step{Account, Sampled})
	}
	steps = append(steps, Step{Count, sample})
	if watch {
		steps = append(steps, Step{Watch, sample})
	}
	return steps
}

// Least is the part of what a dearer step costs that this one costs at the least: half of what was
// measured anywhere. It spares trying out steps that cannot be affordable: loading one takes half a second
// of CPU time.
func Least(of, dearer Step) float64 {
	return of.weight() / dearer.weight() / 2
}

// weight is about what a call costs at a step, mode account being 1 (docs/benchmarks.md).
func (s Step) weight() float64 {
	switch {
	case s.Mode == Watch:
		return 0
	case s.Mode == Count:
		return 0.27
	case s.Sample > 1:
		return 0.5
	}
	return 1
}

// String reads like "account" or "account with sample 16".
func (s Step) String() string {
	if s.Mode == Account && s.Sample > 1 {
		return fmt.Sprintf("%s with sample %d", s.Mode, s.Sample)
	}
	return s.Mode
}
