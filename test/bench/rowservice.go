package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rowService is a syscountd that is to hold many rows.
type rowService struct {
	tool     tool
	interval time.Duration
	policy   string              // its file
	records  chan intervalRecord // one at the end of each interval
}

// intervalRecord is what we read of a record that closes an interval.
type intervalRecord struct {
	Event string            `json:"event"`
	Rows  uint64            `json:"rows"`
	Drops map[string]uint64 `json:"drops"`
	heard time.Time
}

// Syscountd has room for so many rows for each group of [limits] (rowsPerGroup in
// agent/session.go), and takes so many groups.
const (
	rowsPerGroup         = 16
	minGroups, maxGroups = 64, 65536
	maxRows              = maxGroups * rowsPerGroup / 2
)

// groupsFor is a [limits] groups with room for twice as many rows: places near
// a CPU that no row falls on stay empty.
func groupsFor(rows int) int { return max(2*rows/rowsPerGroup, minGroups) }

// rowPolicy is as shipped in what it leaves out. No call is slow: those of others on
// the host would be in the CPU time.
const rowPolicy = `[collect]
mode = "account"
group_by = "process"
interval = %q

[slow]
threshold = "24h"

[limits]
groups = %d
`

// mostTargets is how many processes a filter takes (MaxTargets in agent/policy).
const mostTargets = 128

// filterOf leaves out what else the host does, if so many processes may be named.
func filterOf(pids []int) string {
	if len(pids) > mostTargets {
		return ""
	}
	return "\n[filter]\npids = [" + strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ", "), "[]") + "]\n"
}

// newRowService will have its policy in dir.
func newRowService(dir, syscountd string, interval time.Duration) *rowService {
	s := &rowService{interval: interval, policy: filepath.Join(dir, "rows.toml"), records: make(chan intervalRecord, 1)}
	s.tool = tool{
		argv:      []string{syscountd, "--no-dbus", "--output", "stdout", "--config", s.policy},
		readyLine: `"change":"started"`,
		each:      s.hear,
	}
	return s
}

// start starts it with room for so many rows, to watch these processes.
func (s *rowService) start(rows int, pids []int) (*running, error) {
	text := fmt.Sprintf(rowPolicy, s.interval, groupsFor(rows)) + filterOf(pids)
	if err := os.WriteFile(s.policy, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("write policy: %w", err)
	}
	return s.tool.start(site{})
}

// hear takes a line of its output. Nobody waits for the record of a last
// interval: it is thrown away.
func (s *rowService) hear(line []byte) {
	var r intervalRecord
	if json.Unmarshal(line, &r) != nil || r.Event != "interval" {
		return
	}
	r.heard = time.Now()
	select {
	case s.records <- r:
	default:
	}
}
