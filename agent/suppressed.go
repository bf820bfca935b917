package agent

import (
	"fmt"

	"github.com/syscountd/syscountd/agent/limit"
	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
)

// maxSuppressions is how many pairs of rule and unit an interval record names: more would
// not fit it. The rest is folded into one.
const maxSuppressions = 10

// tellSuppressed warns of what the limits held back: a record for each rule, of those with most
// records first, and one for all further rules. A bound on records must not itself have none.
func (a *Agent) tellSuppressed(held []limit.Held) {
	rules := limit.ByRule(held)
	for _, s := range suppressions(limit.Top(rules, policy.MaxSuppressed)) {
		r := &record.State{Change: record.ChangeSuppressed, Suppressed: &s}
		if more := len(rules) - policy.MaxSuppressed; s.Other && more > 0 {
			r.Detail = fmt.Sprintf("%d more rules", more)
		}
		a.write(r, a.env.Now())
	}
}

func suppressions(held []limit.Held) []record.Suppression {
	var all []record.Suppression
	for _, h := range held {
		all = append(all, record.Suppression(h))
	}
	return all
}
