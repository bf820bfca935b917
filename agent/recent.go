package agent

import (
	"context"

	"github.com/syscountd/syscountd/agent/record"
)

// recentCalls is how many slow records are kept for those who ask. One has about
// 2 KB, and 10 KB at most (3.5 KB of names, 1 KB of command line, 24 functions): 0.5 MB
// as a rule, 2.5 MB when somebody chooses all names long.
const recentCalls = 256

// recent are the last slow records that were written. The zero recent is empty.
type recent struct {
	ring    [recentCalls]*record.Slow
	written uint64 // since the service began
}

// add keeps a record in the place of the oldest one.
func (r *recent) add(s *record.Slow) {
	r.ring[r.written%recentCalls] = s
	r.written++
}

// newest are at most so many records, newest first; all that are kept when n is 0.
func (r *recent) newest(n int) []*record.Slow {
	kept := int(min(r.written, recentCalls))
	if n <= 0 || n > kept {
		n = kept
	}
	records := make([]*record.Slow, n)
	for i := range records {
		records[i] = r.ring[(r.written-1-uint64(i))%recentCalls]
	}
	return records
}

// SlowCalls are the newest slow records as they were written, one line of JSON
// each, newest first; all that are kept when newest is 0.
func (a *Agent) SlowCalls(ctx context.Context, newest int) ([]string, error) {
	var records []*record.Slow
	if err := a.inLoop(ctx, func() { records = a.recent.newest(newest) }); err != nil {
		return nil, err
	}
	return lines(records), nil
}

// lines are records as they are written. It is not the loop's work: a record does
// not change any more once it is written.
func lines[R record.Record](records []R) []string {
	lines := make([]string, len(records))
	for i, r := range records {
		lines[i] = string(record.Marshal(r))
	}
	return lines
}
