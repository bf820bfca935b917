package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
)

// What a rule's own rate holds back is told by rule and unit; sums are right whatever
// the number of units.
func TestARateHoldsBackItsRuleOnly(t *testing.T) {
	r := runAgent(t, quiet+"[slow]\nthreshold = \"100ms\"\n[[rule]]\nname = \"noisy\"\nsyscalls = [\"fsync\"]\nthreshold = \"20ms\"\nrate = 2\n")
	r.stopClock()
	r.inside(func() {
		for i := range 20 {
			at := place{}
			at.Unit = fmt.Sprintf("u%d.service", i)
			for n := range 3 {
				if got := r.allowed(policy.Verdict{Rule: "noisy", Rate: 2}, at, time.Second); got != (i == 0 && n < 2) {
					t.Errorf("%s, %d: allowed %v", at.Unit, n, got)
				}
			}
		}
		if !r.allowed(policy.Verdict{Rule: "other"}, place{}, time.Second) {
			t.Error("another rule is held back")
		}
	})
	r.do(Flush{})
	records := r.written()
	rows := only[*record.Interval](records)[0].Suppressed
	var sum, total uint64
	for _, row := range rows {
		sum += row.Count
		total += row.TotalNs
	}
	if len(rows) != maxSuppressions+1 || sum != 58 || total != 58e9 || rows[0].Rule != "noisy" || rows[0].Unit == "" || !rows[maxSuppressions].Other {
		t.Errorf("%d rows, %d records in all: %+v", len(rows), sum, rows)
	}
	var told []*record.Suppression
	for _, s := range only[*record.State](records) {
		if s.Change == record.ChangeSuppressed {
			told = append(told, s.Suppressed)
		}
	}
	if len(told) != 1 || told[0].Count != 58 || told[0].Rule != "noisy" || told[0].Unit != "" {
		t.Errorf("told %+v", told)
	}
	r.do(Flush{})
	if again := only[*record.Interval](r.written())[0].Suppressed; again != nil {
		t.Errorf("told again: %+v", again)
	}
}

// A policy may have a thousand rules: their warnings are bounded too.
func TestManyRulesThatAreHeldBackAreToldInFewRecords(t *testing.T) {
	r := runAgent(t, quiet)
	r.stopClock()
	r.inside(func() {
		for i := range 20 {
			for range 3 + i {
				r.allowed(policy.Verdict{Rule: fmt.Sprintf("r%d", i), Rate: 1}, place{}, time.Second)
			}
		}
	})
	r.do(Flush{})
	var told []*record.State
	sum := uint64(0)
	for _, s := range only[*record.State](r.written()) {
		if s.Change == record.ChangeSuppressed {
			told = append(told, s)
			sum += s.Suppressed.Count
		}
	}
	if len(told) != policy.MaxSuppressed+1 || sum != 20*2+190 || told[0].Suppressed.Rule != "r19" ||
		!told[policy.MaxSuppressed].Suppressed.Other || told[policy.MaxSuppressed].Detail != "10 more rules" {
		t.Errorf("%d records of %d calls: %+v", len(told), sum, told)
	}
}
