package policy

import (
	"fmt"

	"github.com/syscountd/syscountd/agent/incident"
)

// What journald takes of a service before it drops (journald.conf(5), RateLimitBurst=; the unit
// file sets both).
const (
	journalSeconds = 30
	journalRecords = 10000
)

// MaxSuppressed is how many rules are told of at the end of an interval because records of them
// were held back; one record more tells of the others.
const MaxSuppressed = 10

// perInterval is what an interval writes beside its summaries: the row that is folded, its own
// record, one on losses, and those on what was held back.
const perInterval = 3 + MaxSuppressed + 1

// checkVolume wants that what we write at most stays below what journald takes: slow records,
// those of incidents, and what each interval ends with.
func (p *Policy) checkVolume() *Error {
	seconds := int(p.Collect.Interval.Seconds())
	intervals := (journalSeconds + seconds - 1) / seconds
	slow := journalSeconds*p.Limits.RecordsPerSecond + p.Limits.Burst
	all := slow + incident.MostRecords(journalSeconds) + intervals*(p.Collect.Top+perInterval)
	if all <= journalRecords {
		return nil
	}
	reason := fmt.Sprintf("with records_per_second = %d, burst = %d, interval = %q and top = %d there may be %d records in %d s; journald drops what is beyond %d",
		p.Limits.RecordsPerSecond, p.Limits.Burst, FormatDuration(p.Collect.Interval), p.Collect.Top,
		all, journalSeconds, journalRecords)
	for _, key := range []string{"limits.records_per_second", "limits.burst", "collect.top", "collect.interval"} {
		if _, set := p.origins[key]; set {
			return p.errorAt(key, key, reason)
		}
	}
	return nil // the defaults are below
}
