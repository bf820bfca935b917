package system

import (
	"bufio"
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record/recordtest"
)

// journalTimeout is how long a record that has to come is waited for.
const journalTimeout = 20 * time.Second

// entry is one entry of the journal, by syscountd.
type entry struct {
	fields map[string]any
	line   string // the MESSAGE: our JSON line
	record
}

// record is what the tests read of a record, of whatever event.
type record struct {
	Event      string
	Change     string
	Msg        string
	Level      string
	Seq        uint64
	Final      bool
	Other      bool
	Count      uint64
	Errors     uint64
	DurationNs uint64 `json:"duration_ns"`
	AgeNs      uint64 `json:"age_ns"`
	WasStuck   bool   `json:"was_stuck"`
	Monotonic  struct {
		StartNs uint64 `json:"start_ns"`
		EndNs   uint64 `json:"end_ns"`
	}
	Syscall struct {
		Name string
		Ret  int64
	}
	Process struct {
		PID  int
		TID  int
		Comm string
	}
	Systemd struct{ Unit string }
	Caller  struct {
		UserID uint32 `json:"user_id"`
		PID    int
	}
	Filter     struct{ PIDs []int }
	Resumption struct {
		AwayNs     uint64 `json:"away_ns"`
		CountedSeq uint64 `json:"counted_seq"`
	}
}

// monotonic is when journald has received the entry, on CLOCK_MONOTONIC.
func (e entry) monotonic(t *testing.T) time.Duration {
	t.Helper()
	text, _ := e.fields["__MONOTONIC_TIMESTAMP"].(string)
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("entry without time: %v", err)
	}
	return time.Duration(usec) * time.Microsecond
}

// parseEntry parses one line of journalctl --output=json. Every record that a
// test sees is held against the schema.
func parseEntry(t *testing.T, line []byte) entry {
	t.Helper()
	var e entry
	if err := json.Unmarshal(line, &e.fields); err != nil {
		t.Fatalf("journalctl printed %q: %v", line, err)
	}
	var isText bool
	if e.line, isText = e.fields["MESSAGE"].(string); !isText {
		t.Fatalf("MESSAGE is not printable text: %v", e.fields["MESSAGE"])
	}
	recordtest.Validate(t, []byte(e.line))
	if err := json.Unmarshal([]byte(e.line), &e.record); err != nil {
		t.Fatalf("record %q: %v", e.line, err)
	}
	return e
}

// journal shows the records that match, the oldest first. With follow it never
// ends by itself.
func (m *machine) journal(ctx context.Context, t *testing.T, follow bool, each func(entry) (more bool)) {
	t.Helper()
	args := []string{"journalctl", "--identifier=syscountd", "--output=json", "--all", "--no-pager"}
	if follow {
		args = append(args, "--follow", "--lines=all")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := m.command(ctx, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cancel()
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !each(parseEntry(t, lines.Bytes())) {
			return
		}
	}
}

// await gives the first record that matches, and waits for it if need be.
func (m *machine) await(t *testing.T, what string, match func(entry) bool) entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), journalTimeout)
	defer cancel()
	var found *entry
	m.journal(ctx, t, true, func(e entry) bool {
		if match(e) {
			found = &e
		}
		return found == nil
	})
	if found == nil {
		t.Fatalf("no %s in the journal after %v", what, journalTimeout)
	}
	return *found
}

// entries gives all records that are in the journal now. Their numbers have no
// gap: no record was lost.
func (m *machine) entries(t *testing.T) []entry {
	t.Helper()
	m.run(t, "journalctl", "--sync")
	var all []entry
	m.journal(t.Context(), t, false, func(e entry) bool {
		all = append(all, e)
		return true
	})
	for i := 1; i < len(all); i++ {
		gap := m.killed && all[i].Change == "resumed" && all[i].Seq > all[i-1].Seq
		if got, want := all[i].Seq, all[i-1].Seq+1; got != want && got != 1 && !gap { // 1: another start
			t.Errorf("record %d follows record %d: %s", got, all[i-1].Seq, all[i].line)
		}
	}
	return all
}

// flush ends the interval and gives the number of its last record.
func (m *machine) flush(t *testing.T) uint64 {
	t.Helper()
	var last uint64
	if all := m.entries(t); len(all) > 0 {
		last = all[len(all)-1].Seq
	}
	m.call(t, "Flush")
	return m.await(t, "interval record", func(e entry) bool { return e.Event == "interval" && e.Seq > last }).Seq
}

// total adds up the summary rows of a process's calls, by syscall, that were
// written after the record numbered from and up to the one numbered to.
func total(entries []entry, pid int, from, to uint64) map[string][2]uint64 {
	sums := map[string][2]uint64{}
	for _, e := range entries {
		if e.Event == "summary" && e.Seq > from && e.Seq <= to && e.Process.PID == pid {
			sum := sums[e.Syscall.Name]
			sums[e.Syscall.Name] = [2]uint64{sum[0] + e.Count, sum[1] + e.Errors}
		}
	}
	return sums
}
