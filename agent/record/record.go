// Package record holds what syscountd writes: one JSON object per line, as
// described by configs/syscountd.schema.json.
//
// A record is filled by the agent, stamped with its header by a Stamper and
// turned into bytes by Marshal. Names follow the OpenTelemetry semantic
// conventions where these have one. Durations are integer nanoseconds, in keys
// that end in _ns. A key without a value is left out; it is never null.
//
// Integers go up to 2^64-1. A reader that keeps numbers as doubles (jq before
// 1.7, JavaScript) is exact up to 2^53 only: for a duration that is 104 days.
package record

import (
	"strings"
	"sync/atomic"
	"time"
)

// Schema is the value of the key "schema" of each record. It changes when a
// reader of the old records could misread the new ones.
const Schema = "syscountd/1"

// The events: the values of the key "event".
const (
	EventSlow     = "slow"     // a call that took longer than its threshold
	EventStuck    = "stuck"    // a call that has not returned yet
	EventEnded    = "ended"    // a stuck call that will never return
	EventIncident = "incident" // many threads slow at the same place
	EventSummary  = "summary"  // one row per group and syscall of an interval
	EventInterval = "interval" // totals, losses and our own cost of an interval
	EventState    = "state"    // something changed in the service itself
	EventLog      = "log"      // a log message of the service
)

// Record is one line of output: *Slow, *Stuck, *Ended, *Incident, *Summary,
// *Interval, *State or *Log.
type Record interface {
	// Head is the record's header, which a Stamper fills.
	Head() *Header
	// Event is the value of the key "event".
	Event() string
	// Priority is the syslog priority, 0 (emerg) to 7 (debug), see syslog(3).
	Priority() int
	// Sentence is the value of the key "msg": the record for a human reader.
	Sentence() string

	sealed()
}

// Header is the start of every record.
type Header struct {
	Time   string `json:"time"`    // FormatTime; of a slow record: when the call ended; of a stuck one: when it was looked at
	Level  string `json:"level"`   // ERROR, WARN, INFO or DEBUG
	Msg    string `json:"msg"`     // Record.Sentence
	Event  string `json:"event"`   // Record.Event
	Schema string `json:"schema"`  // Schema
	Seq    uint64 `json:"seq"`     // grows by one per record; a gap is a lost record
	BootID string `json:"boot_id"` // 32 hex digits, as the journal's _BOOT_ID

	// Truncated has the paths of the keys that Marshal had to cut to keep the
	// line within MaxLine.
	Truncated []string `json:"truncated,omitempty"`
}

// Head returns the header itself; embedding it gives each record this method.
func (h *Header) Head() *Header { return h }

func (h *Header) sealed() {}

// Stamper fills the headers of the records. It is safe for
// concurrent use: log messages come from every goroutine.
type Stamper struct {
	bootID string
	seq    *atomic.Uint64
}

// NewStamper returns a Stamper for a boot id as in
// /proc/sys/kernel/random/boot_id; dashes are removed, so that the record's
// boot_id equals the journal's _BOOT_ID. The first record gets number 1.
func NewStamper(bootID string) *Stamper { return NewStamperAfter(bootID, new(atomic.Uint64)) }

// NewStamperAfter is NewStamper, but the first record gets the number after the one in
// seq, where each number is kept: that of the last record of a process before, so that
// what it took along with it shows as a gap.
func NewStamperAfter(bootID string, seq *atomic.Uint64) *Stamper {
	return &Stamper{bootID: strings.ReplaceAll(strings.TrimSpace(bootID), "-", ""), seq: seq}
}

// Last is the number of the last record.
func (s *Stamper) Last() uint64 { return s.seq.Load() }

// Stamp fills the header of a record that happened at the given time. The
// number is taken here, before any queue can drop the record, so that a reader
// sees each loss as a gap.
func (s *Stamper) Stamp(r Record, at time.Time) {
	*r.Head() = Header{
		Time:   FormatTime(at),
		Level:  Level(r.Priority()),
		Msg:    clip(r.Sentence()),
		Event:  r.Event(),
		Schema: Schema,
		Seq:    s.seq.Add(1),
		BootID: s.bootID,
	}
}

// Level gives the name of a syslog priority in the words of log/slog.
func Level(priority int) string {
	switch {
	case priority <= 3:
		return "ERROR"
	case priority == 4:
		return "WARN"
	case priority <= 6:
		return "INFO"
	}
	return "DEBUG"
}

// FormatTime gives a time as RFC 3339 in UTC, always with nine digits of the
// second, so that texts sort as times do. The zero time and years that RFC 3339
// cannot express give "".
func FormatTime(t time.Time) string {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.000000000Z")
}
