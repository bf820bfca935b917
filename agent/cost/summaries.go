package cost

import (
	"math"
	"time"
)

// Summaries is what it takes of all CPUs to read the rows and to write summaries of them: time of our own
// process, which comes at the end of an interval and is spread evenly over it here. Else one look in four
// would see all of it, and call it four times as dear as it is.
type Summaries struct {
	Share          float64 // of all CPUs, 0 to 1
	CallsPerSecond float64 // in the interval that was summarised
}

// SummariesOf is what those of an interval took.
func SummariesOf(ns uint64, e Events, interval time.Duration, cpus int) Summaries {
	return Summaries{share(float64(ns), interval, cpus), e.PerSecond(interval)}
}

// forgotten is the time in which half of what was known of summaries is forgotten while there are none. What
// took 7 % is tried again under the same load after an hour: the load may be of another kind by then, with
// as many calls in fewer rows, and there is no other way to know.
const forgotten = 30 * time.Minute

// At is what they would take of all CPUs at another rate of calls, so long after there were any. A host that makes
// fewer calls fills fewer rows; one that makes more of them makes most in the rows that it has.
func (s Summaries) At(callsPerSecond float64, later time.Duration) float64 {
	part := 1.0
	if callsPerSecond < s.CallsPerSecond {
		part = callsPerSecond / s.CallsPerSecond
	}
	return s.Share * part * math.Exp2(-float64(later)/float64(forgotten))
}
