package agent

import (
	"github.com/syscountd/syscountd/agent/limit"
	"github.com/syscountd/syscountd/agent/record"
)

// maxSuppressions is how many pairs of rule and unit an interval record names: more would
// not fit it. The rest is folded into one.
const maxSuppressions = 10

// tellSuppressed warns of what the limits held back, a record for each rule.
func (a *Agent) tellSuppressed(held []limit.Held) {
	for _, s := range suppressions(limit.ByRule(held)) {
		a.write(&record.State{Change: record.ChangeSuppressed, Suppressed: &s}, a.env.Now())
	}
}

func suppressions(held []limit.Held) []record.Suppression {
	var all []record.Suppression
	for _, h := range held {
		all = append(all, record.Suppression(h))
	}
	return all
}
