package agent

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
)

func TestTheNewestSlowCalls(t *testing.T) {
	var r recent
	if got := r.newest(0); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
	for n := range uint64(recentCalls + 44) {
		r.add(&record.Slow{DurationNs: n})
	}
	for _, tt := range []struct{ ask, want int }{{0, recentCalls}, {1, 1}, {3, 3}, {recentCalls, recentCalls}, {1 << 31, recentCalls}, {-1, recentCalls}} {
		got := r.newest(tt.ask)
		if len(got) != tt.want {
			t.Errorf("asked for %d: %d, want %d", tt.ask, len(got), tt.want)
		}
		for i, s := range got {
			if s.DurationNs != uint64(recentCalls+43-i) {
				t.Fatalf("asked for %d: the %dth is %d", tt.ask, i, s.DurationNs)
			}
		}
	}
}

func TestSlowCallsAreTheRecordsAsTheyWereWritten(t *testing.T) {
	r := runAgent(t, slowPolicy)
	for range 3 {
		r.returns(slowFsync(200*time.Millisecond, 6)) // the limit's burst is 2
	}
	written := only[*record.Slow](r.out.take())
	lines, err := r.SlowCalls(t.Context(), 0)
	if err != nil || len(lines) != 2 || lines[0] != string(record.Marshal(written[1])) || lines[1] != string(record.Marshal(written[0])) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	r.do(Stop{}) // they are still of interest
	lines, err = r.SlowCalls(t.Context(), 1)
	var call record.Slow
	if err != nil || len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &call) != nil || call.Seq != written[1].Seq {
		t.Errorf("after the stop: %v, %v", lines, err)
	}
	must(t, r.stop())
	for _, ask := range []func() ([]string, error){
		func() ([]string, error) { return r.SlowCalls(t.Context(), 0) },
		func() ([]string, error) { return r.StuckCalls(t.Context()) },
	} {
		if got, err := ask(); err == nil || !strings.Contains(err.Error(), "stopping") || got != nil {
			t.Errorf("after the end: %v, %v", got, err)
		}
	}
}
