package sink

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/syscountd/syscountd/agent/journal"
	"github.com/syscountd/syscountd/agent/record"
)

func TestEntry(t *testing.T) {
	fsync := record.Request{Syscall: record.Syscall{Name: "fsync"}}
	scene := record.Scene{
		Process:   record.Process{PID: 812, TID: 813, Comm: "post\ngres"},
		Systemd:   record.Systemd{Unit: "a.service"},
		Container: record.Container{ID: "c1"},
	}
	tests := map[string]struct {
		r    record.Record
		want journal.Entry
	}{
		"slow": {
			&record.Slow{
				Severity: 4, Rule: "sync", Syscall: record.Call{Request: fsync}, Scene: scene,
			},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("slow")}, {Name: "PRIORITY", Value: "4"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "slow"},
				{Name: "OBJECT_PID", Value: "812"}, {Name: "SYSCOUNT_RULE", Value: "sync"}, {Name: "SYSCOUNT_SYSCALL", Value: "fsync"},
				{Name: "SYSCOUNT_CONTAINER_ID", Value: "c1"}, {Name: "SYSCOUNT_UNIT", Value: "a.service"},
				{Name: "SYSCOUNT_COMM", Value: `post\x0agres`}, {Name: "SYSCOUNT_PID", Value: "812"},
			},
		},
		"stuck": {
			&record.Stuck{Severity: 4, Rule: "sync", Syscall: fsync, Scene: scene},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("stuck")}, {Name: "PRIORITY", Value: "4"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "stuck"},
				{Name: "OBJECT_PID", Value: "812"}, {Name: "SYSCOUNT_RULE", Value: "sync"}, {Name: "SYSCOUNT_SYSCALL", Value: "fsync"},
				{Name: "SYSCOUNT_CONTAINER_ID", Value: "c1"}, {Name: "SYSCOUNT_UNIT", Value: "a.service"},
				{Name: "SYSCOUNT_COMM", Value: `post\x0agres`}, {Name: "SYSCOUNT_PID", Value: "812"},
			},
		},
		"ended": {
			&record.Ended{Severity: 4, Rule: "sync", Syscall: fsync, Scene: scene},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("ended")}, {Name: "PRIORITY", Value: "4"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "ended"},
				{Name: "OBJECT_PID", Value: "812"}, {Name: "SYSCOUNT_RULE", Value: "sync"}, {Name: "SYSCOUNT_SYSCALL", Value: "fsync"},
				{Name: "SYSCOUNT_CONTAINER_ID", Value: "c1"}, {Name: "SYSCOUNT_UNIT", Value: "a.service"},
				{Name: "SYSCOUNT_COMM", Value: `post\x0agres`}, {Name: "SYSCOUNT_PID", Value: "812"},
			},
		},
		"incident": {
			&record.Incident{
				Severity: 4, Syscall: fsync.Syscall, Systemd: scene.Systemd, Container: scene.Container, PIDs: []uint32{812, 813},
			},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("incident")}, {Name: "PRIORITY", Value: "4"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "incident"},
				{Name: "OBJECT_PID", Value: "812"}, {Name: "SYSCOUNT_SYSCALL", Value: "fsync"},
				{Name: "SYSCOUNT_CONTAINER_ID", Value: "c1"}, {Name: "SYSCOUNT_UNIT", Value: "a.service"},
			},
		},
		"slow, little known": {
			&record.Slow{Severity: -3},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("slow")}, {Name: "PRIORITY", Value: "0"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "slow"},
			},
		},
		"summary of a unit": {
			&record.Summary{Syscall: record.Syscall{Name: "read"}, Systemd: record.Systemd{Unit: "a.service"}},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("summary")}, {Name: "PRIORITY", Value: "6"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "summary"},
				{Name: "SYSCOUNT_SYSCALL", Value: "read"}, {Name: "SYSCOUNT_UNIT", Value: "a.service"},
			},
		},
		"interval": {
			&record.Interval{},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("interval")}, {Name: "PRIORITY", Value: "6"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "interval"},
			},
		},
		"state": {
			&record.State{Change: record.ChangeSuppressed, Suppressed: &record.Suppression{Rule: "sync"}},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("state")}, {Name: "PRIORITY", Value: "4"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "state"},
				{Name: "SYSCOUNT_RULE", Value: "sync"},
			},
		},
		"log": {
			&record.Log{Severity: 99},
			journal.Entry{
				{Name: "MESSAGE", Value: "{}"}, {Name: "MESSAGE_ID", Value: messageID("log")}, {Name: "PRIORITY", Value: "7"},
				{Name: "SYSLOG_IDENTIFIER", Value: "syscountd"}, {Name: "SYSCOUNT_EVENT", Value: "log"},
			},
		},
	}
	for name, tt := range tests {
		if got := entry(tt.r, []byte("{}")); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, tt.want)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	document, err := os.ReadFile("../../docs/records.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, event := range []string{record.EventSlow, record.EventStuck, record.EventEnded, record.EventIncident, record.EventSummary, record.EventInterval, record.EventState, record.EventLog} {
		id := messageID(event)
		if !regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(id) {
			t.Errorf("%s: %q is no random UUID", event, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s share %s", event, other, id)
		}
		seen[id] = event
		if row := regexp.MustCompile("\n\\| \\[`" + event + "`\\].*`" + id + "`"); !row.Match(document) {
			t.Errorf("docs/records.md does not give %s as the id of %s", id, event)
		}
	}
	if id := messageID("unheard of"); id != "" {
		t.Errorf("an unknown event has %q", id)
	}
}
