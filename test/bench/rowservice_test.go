package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/policy"
)

// rowPolicyOf is the policy that a service is started with, as syscountd reads it.
func rowPolicyOf(t *testing.T, rows int, pids []int) *policy.Policy {
	t.Helper()
	s := newRowService(t.TempDir(), "/bin/true", 10*time.Second)
	p, err := s.start(rows, pids)
	if err != nil {
		t.Fatal(err)
	}
	<-p.exited
	read, err := policy.LoadFile(s.policy)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestRowPolicyHasRoomForTheRowsAndWatchesTheCrowd(t *testing.T) {
	got := rowPolicyOf(t, 50_000, []int{17, 18})
	if got.Collect.Mode != "account" || got.Collect.GroupBy != "process" || got.Collect.Interval != 10*time.Second {
		t.Errorf("collect: %+v", got.Collect)
	}
	if got.Limits.Groups*rowsPerGroup < 100_000-rowsPerGroup || !slices.Equal(got.Filter.PIDs, []uint32{17, 18}) {
		t.Errorf("%d groups, filter %+v", got.Limits.Groups, got.Filter)
	}
	for _, rows := range []int{1, maxRows} {
		if got := rowPolicyOf(t, rows, make([]int, mostTargets+1)); len(got.Filter.PIDs) != 0 {
			t.Errorf("%d rows: more processes than a filter takes: %v", rows, got.Filter.PIDs)
		}
	}
}

func TestRowServiceHearsTheRecordsOfIntervals(t *testing.T) {
	s := newRowService(t.TempDir(), "syscountd", time.Second)
	for _, line := range []string{
		`{"event":"summary","rows":7}`, "not JSON",
		`{"event":"interval","rows":50000,"drops":{"ring_full":2}}`,
		`{"event":"interval","rows":1}`, // nobody has taken the one before
	} {
		s.hear([]byte(line))
	}
	got := <-s.records
	if got.Rows != 50_000 || got.Drops["ring_full"] != 2 || len(s.records) != 0 {
		t.Errorf("%+v, and %d more", got, len(s.records))
	}
}

func TestRowServiceThatCannotWriteItsPolicySaysSo(t *testing.T) {
	s := newRowService(filepath.Join(os.TempDir(), "missing", "directory"), "/bin/true", time.Second)
	if _, err := s.start(1, nil); err == nil {
		t.Error("it was started")
	}
}
