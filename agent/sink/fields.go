package sink

import (
	"strconv"

	"github.com/syscountd/syscountd/agent/journal"
	"github.com/syscountd/syscountd/agent/record"
)

// Identifier is the SYSLOG_IDENTIFIER: `journalctl -t syscountd`.
const Identifier = "syscountd"

// entry makes the journal entry of a record. Only what people search for gets a
// field of its own: the journal indexes each value that a field ever had, so
// numbers belong into the line of JSON.
func entry(r record.Record, line []byte) journal.Entry {
	priority := min(max(r.Priority(), 0), 7)
	e := fields{
		{Name: "MESSAGE", Value: string(line)},
		{Name: "MESSAGE_ID", Value: messageID(r.Event())},
		{Name: "PRIORITY", Value: strconv.Itoa(priority)},
		{Name: "SYSLOG_IDENTIFIER", Value: Identifier},
		{Name: "SYSCOUNT_EVENT", Value: r.Event()},
	}
	switch r := r.(type) {
	case *record.Slow:
		e.call(r.Rule, r.Syscall.Syscall, &r.Scene)
	case *record.Stuck:
		e.call(r.Rule, r.Syscall.Syscall, &r.Scene)
	case *record.Ended:
		e.call(r.Rule, r.Syscall.Syscall, &r.Scene)
	case *record.Incident:
		if len(r.PIDs) > 0 {
			e.number("OBJECT_PID", r.PIDs[0]) // one of them is enough to show it in the unit's log
		}
		e.text("SYSCOUNT_SYSCALL", r.Syscall.Name)
		e.text("SYSCOUNT_CONTAINER_ID", r.Container.ID)
		e.text("SYSCOUNT_UNIT", r.Systemd.Unit)
	case *record.Summary:
		e.text("SYSCOUNT_SYSCALL", r.Syscall.Name)
		e.subject(r.Process, r.Systemd)
	case *record.State:
		if r.Suppressed != nil {
			e.text("SYSCOUNT_RULE", r.Suppressed.Rule)
		}
	}
	return journal.Entry(e)
}

type fields journal.Entry

func (e *fields) call(rule string, syscall record.Syscall, s *record.Scene) {
	// With it, `journalctl -u VICTIM` shows the record among the victim's own.
	e.number("OBJECT_PID", s.Process.PID)
	e.text("SYSCOUNT_RULE", rule)
	e.text("SYSCOUNT_SYSCALL", syscall.Name)
	e.text("SYSCOUNT_CONTAINER_ID", s.Container.ID)
	e.subject(s.Process, s.Systemd)
}

func (e *fields) subject(p record.Process, s record.Systemd) {
	e.text("SYSCOUNT_UNIT", s.Unit)
	e.text("SYSCOUNT_COMM", p.Comm)
	e.number("SYSCOUNT_PID", p.PID)
}

// text adds a field in the same spelling as in the JSON; one without a value is
// left out.
func (e *fields) text(name, value string) {
	if value != "" {
		*e = append(*e, journal.Field{Name: name, Value: record.Clean(value)})
	}
}

func (e *fields) number(name string, value uint32) {
	if value != 0 {
		*e = append(*e, journal.Field{Name: name, Value: strconv.FormatUint(uint64(value), 10)})
	}
}
